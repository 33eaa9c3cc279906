#include "codes/grid.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "codes/codes.h"
#include "codes/rotation.h"
#include "threads.h"

namespace nearfield {
namespace {

constexpr std::size_t kMostPooled = std::size_t{1} << 18;  // components that the range is chosen by
// Of the components of one dimension; its middle is that of these. Far rows up to one in a hundred do not move it; and
// where half of the values are one, as in images, the middle is still that of the range (recall@10 of 784-d images at
// ef 24: .997 with .999, .996 with .99, .989 with .95).
constexpr double kCommonInOne = 0.99;
// Steps beyond the edge that do not count yet as outside. With 4 bits up to one component in a hundred lies there by
// intent of the fit. With 8 bits few do, and a stream that stays as far outside as a fifth of the range lost .014 of
// recall (inner products that grow, 2026-11).
constexpr float kMarginOfFourBits = 24, kMarginOfEight = 4;
constexpr double kCommonRows = 0.99;    // of inner products
constexpr float kMostProductRange = 8;  // times what common rows need
constexpr double kRotationGain = 1.5;   // how much less error makes rotating worth its time
constexpr double kDoubt = 3.5;          // standard deviations

std::size_t position_of(double share, std::size_t n) {
  return static_cast<std::size_t>(share * static_cast<double>(n - 1) + 0.5);
}

// The value that a share of the values reaches. Reorders them.
float quantile(std::vector<float>& values, double share) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(position_of(share, values.size()));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// How far a row may be off before that no longer matters: as far as two ordinary rows lie apart. So one row that lies
// far from all others does not widen the steps of all others, while components that every row has a few of stay inside.
double most_of_row(const std::vector<float>& distances, std::size_t rows) {
  std::vector<float> squares(rows, 0.0f);
  for (std::size_t i = 0; i < distances.size(); ++i) squares[i % rows] += distances[i] * distances[i];
  const double apart = 2.0 * static_cast<double>(quantile(squares, 0.5));
  return apart > 0 ? apart : std::numeric_limits<double>::infinity();
}

// The middle of each dimension, whether it varies, half the range around it, and the squared error that it leaves.
struct Spread {
  std::vector<float> middle;
  std::vector<unsigned char> varies;  // written by several threads, so not of bits
  float half;
  double error;
};

// Half the range, among some quantiles of the distances from the middle, that makes the squared error least: rounding
// to `levels` values inside, holding at the edge outside. Distances stand dimension by dimension, `rows` in each.
void choose_half(const std::vector<float>& distances, std::size_t rows, double levels, std::size_t num_threads,
                 Spread& range) {
  std::vector<float> reordered = distances;
  const double most = most_of_row(distances, rows);
  constexpr double kShares[] = {0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0};
  constexpr std::size_t kNumShares = std::size(kShares);
  float halves[kNumShares];
  for (std::size_t i = 0; i < kNumShares; ++i) halves[i] = quantile(reordered, kShares[i]);
  double errors[kNumShares];
  parallel_for(kNumShares, num_threads, [&](std::size_t, std::size_t i) {
    const float half = halves[i];
    const double step = 2.0 * half / (levels - 1);
    double error = 0;
    std::vector<double> outside(rows, 0.0);  // of each row
    for (std::size_t d = 0; d < distances.size(); d += rows) {
      for (std::size_t row = 0; row < rows; ++row) {
        const float x = distances[d + row];
        if (x > half) {
          outside[row] += (static_cast<double>(x) - half) * (static_cast<double>(x) - half);
        } else {
          error += step * step / 12;
        }
      }
    }
    for (const double of_row : outside) error += std::min(of_row, most);
    errors[i] = error;
  });
  range.half = 0;
  range.error = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < kNumShares; ++i) {
    if (errors[i] < range.error) {
      range.error = errors[i];
      range.half = halves[i];
    }
  }
  // Where nothing varies any range serves; beyond the others, squares leave the range of floats.
  range.half = range.half > 0x1p-60f ? std::min(range.half, 0x1p60f) : 1.0f;
}

bool lies_within(const std::vector<float>& values, float most) {
  return std::all_of(values.begin(), values.end(), [most](float x) { return std::fabs(x) <= most; });
}

using Sample = std::function<const float*(std::size_t)>;

Spread choose_range(std::size_t rows, std::size_t dimensions, double levels, std::size_t num_threads,
                    const Sample& sample) {
  std::vector<float> values(rows * dimensions);  // dimension by dimension
  for (std::size_t i = 0; i < rows; ++i) {
    const float* vector = sample(i);
    for (std::size_t d = 0; d < dimensions; ++d) values[d * rows + i] = vector[d];
  }
  Spread range{std::vector<float>(dimensions), std::vector<unsigned char>(dimensions), 0, 0};
  const std::size_t stride = rows * dimensions / kMostPooled + 1;  // some whole rows
  const std::size_t pooled = (rows + stride - 1) / stride;
  std::vector<float> distances(pooled * dimensions);
  parallel_for(dimensions, num_threads, [&](std::size_t, std::size_t d) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(d * rows);
    std::vector<float> column(begin, begin + static_cast<std::ptrdiff_t>(rows));
    // Halved apart: the sum of two floats may leave the range of floats.
    range.middle[d] = quantile(column, 1 - kCommonInOne) * 0.5f + quantile(column, kCommonInOne) * 0.5f;
    range.varies[d] = std::any_of(column.begin(), column.end(), [&](float x) { return x != column[0]; });
    for (std::size_t i = 0; i < pooled; ++i) {
      distances[d * pooled + i] = std::fabs(values[d * rows + i * stride] - range.middle[d]);
    }
  });
  choose_half(distances, pooled, levels, num_threads, range);
  return range;
}

// All of the range, unless that is far beyond what nearly all rows need: the longest rows lead every walk, and what
// they lose at the edge no error elsewhere makes up for. So all rows are looked at: no sample has the longest.
float product_step(std::size_t rows, std::size_t dimensions, const Sample& sample) {
  std::vector<float> longest(rows, 0.0f);  // component of each row
  for (std::size_t i = 0; i < rows; ++i) {
    const float* vector = sample(i);
    for (std::size_t d = 0; d < dimensions; ++d) longest[i] = std::max(longest[i], std::fabs(vector[d]));
  }
  const float all = *std::max_element(longest.begin(), longest.end());
  const float common = quantile(longest, kCommonRows);
  const float half = common > 0 ? std::min(all, kMostProductRange * common) : all;
  return (half > 0x1p-60f ? std::min(half, 0x1p60f) : 1.0f) / 127.0f;
}

}  // namespace

Grid empty_grid(Codes codes, Space space, std::size_t dimensions) {
  Grid grid;
  grid.codes = codes;
  grid.dimensions = dimensions;
  grid.origin.assign(padded_dimensions(dimensions), 0.0f);
  if (space == Space::InnerProduct) grid.lowest = -127.0f;
  return grid;
}

Grid fit_grid(Codes codes, Space space, std::size_t dimensions, std::size_t rows,
              const std::function<const float*(std::size_t)>& row, std::size_t num_threads, bool may_rotate) {
  const std::size_t sampled = std::min(rows, kMostSampled);
  const auto sample = [&](std::size_t i) { return row(i * rows / sampled); };
  Grid grid = empty_grid(codes, space, dimensions);
  const std::size_t padded = grid.padded();
  if (space == Space::InnerProduct) {
    grid.step = product_step(rows, dimensions, row);
  } else {
    std::vector<float> buffer(padded);
    const auto rotated = [&](std::size_t i) {
      std::copy_n(sample(i), padded, buffer.data());
      rotate(buffer.data(), padded);
      return static_cast<const float*>(buffer.data());
    };
    const double levels = codes == Codes::Int4 ? 16 : 128;
    Spread plain = choose_range(sampled, dimensions, levels, num_threads, sample);
    if (may_rotate) {
      const Spread turned = choose_range(sampled, padded, levels, num_threads, rotated);
      grid.rotated = turned.error * kRotationGain < plain.error && lies_within(turned.middle, kMostRotatedOrigin / 2);
      if (grid.rotated) plain = turned;
    }
    grid.step = plain.half * 2.0f / (codes == Codes::Int4 ? 120.0f : 127.0f);
    for (std::size_t d = 0; d < plain.middle.size(); ++d) {
      // What is always the same is held exactly: code 64, or nibble 8, stands for it.
      const float origin = plain.middle[d] - (plain.varies[d] ? plain.half : 64 * grid.step);
      grid.origin[d] = std::min(std::max(origin, -kMostOrigin), kMostOrigin);
    }
  }
  std::vector<float> buffer(padded);
  std::size_t outside = 0;
  for (std::size_t i = 0; i < sampled; ++i) {
    outside += count_outside(grid, as_encoded(grid, sample(i), padded, buffer.data()));
  }
  grid.share_outside = static_cast<float>(static_cast<double>(outside) / static_cast<double>(sampled * dimensions));
  return grid;
}

void widen(Grid& grid, float step) {
  const float half = grid.codes == Codes::Int4 ? 60.0f : 63.5f;  // of the range, in steps
  if (grid.lowest == 0) {
    for (std::size_t d = 0; d < grid.coded(); ++d) grid.origin[d] -= half * (step - grid.step);
  }
  grid.step = step;
}

namespace {

// The lowest and the highest code by turns; in a byte of 4 bits both dimensions are odd, or even.
unsigned char zero_code(Codes codes, std::size_t dimensions, std::size_t i) {
  if (i % 2 == 0) return 0;
  if (codes == Codes::Int8) return i < dimensions ? 127 : 0;
  const std::size_t low = i / 64 * 128 + i % 64;
  return static_cast<unsigned char>((low < dimensions ? 0x0F : 0) | (low + 64 < dimensions ? 0xF0 : 0));
}

}  // namespace

void encode_zero(Codes codes, std::size_t dimensions, unsigned char* row) {
  const std::size_t bytes = code_bytes(codes, dimensions);
  for (std::size_t i = 0; i < bytes; ++i) row[i] = zero_code(codes, dimensions, i);
}

bool is_zero_row(Codes codes, std::size_t dimensions, const unsigned char* row) {
  if (dimensions < kLeastForZero) return false;
  const std::size_t bytes = code_bytes(codes, dimensions);
  for (std::size_t i = 0; i < bytes; ++i) {
    if (row[i] != zero_code(codes, dimensions, i)) return false;
  }
  return true;
}

const float* as_encoded(const Grid& grid, const float* vector, std::size_t padded, float* buffer) {
  if (!grid.rotated) return vector;
  std::copy_n(vector, padded, buffer);
  rotate(buffer, padded);
  // Sums beyond the range of floats may end as infinity less infinity; infinity itself is held at the edge.
  for (std::size_t d = 0; d < padded; ++d) buffer[d] = buffer[d] == buffer[d] ? buffer[d] : 0.0f;
  return buffer;
}

void decode_grid(const Grid& grid, const unsigned char* codes, std::size_t padded, float* vector) {
  const float* origin = grid.origin.data();
  const float step = grid.step;
  if (grid.lowest < 0) {
    for (std::size_t d = 0; d < padded; ++d) vector[d] = static_cast<float>(static_cast<std::int8_t>(codes[d])) * step;
  } else if (grid.codes == Codes::Int8) {
    for (std::size_t d = 0; d < padded; ++d) vector[d] = origin[d] + static_cast<float>(codes[d]) * step;
  } else {
    for (std::size_t d = 0; d < padded; d += 64) {  // 64 low halves, then the high halves of the same bytes
      const unsigned char* bytes = codes + d / 128 * 64;
      const int shift = d % 128 == 0 ? 0 : 4;
      for (std::size_t i = 0; i < 64 && d + i < padded; ++i) {
        vector[d + i] = origin[d + i] + static_cast<float>((bytes[i] >> shift & 15) * 8) * step;
      }
    }
  }
}

void turn_back(const Grid& grid, float* vector, std::size_t dimensions, std::size_t padded) {
  if (grid.rotated) rotate_back(vector, padded);
  std::fill(vector + dimensions, vector + padded, 0.0f);
}

Rounding rounding_of(const Grid& grid, const unsigned char* query) {
  // Rounding over w steps has variance w^2 / 12. It moves a squared distance D by 2 sqrt(D) times the deviation, a
  // product by the length of the other factor times it. Two rows differ by sqrt(2) of that.
  if (grid.lowest == 0) {
    const double width = grid.codes == Codes::Int4 ? 8 : 1;
    const double square = (width * width + 1) / 12;
    // Between near rows the square of the rounding itself counts: its mean is that of all, its variance is not.
    const double fourth = (std::pow(width, 4) + 1) / 80 + width * width / 24;
    const double of_squares = static_cast<double>(grid.dimensions) * (fourth - square * square);
    return {kDoubt * std::sqrt(2 * of_squares), kDoubt * std::sqrt(2 * 4 * square)};
  }
  double squares = 0;
  for (std::size_t d = 0; d < grid.dimensions; ++d) {
    const auto q = static_cast<std::int8_t>(query[d]);
    squares += q * q;
  }
  // The near rows are about as long as the query, in steps of their own grids.
  return {kDoubt * std::sqrt(2 * 2 * squares / 12), 0};
}

void write_in_steps(const Grid& grid, const float* query, float* numbers) {
  const float inverse_step = grid.codes == Codes::Int4 ? grid.inverse_step() * 0.125f : grid.inverse_step();
  const std::size_t n = grid.origin.size();
  for (std::size_t d = 0; d < n; ++d) numbers[d] = (query[d] - grid.origin[d]) * inverse_step;
  std::fill(numbers + n, numbers + query_code_bytes(grid.dimensions), 0.0f);
}

std::size_t count_outside(const Grid& grid, const float* vector) {
  const bool four_bits = grid.codes == Codes::Int4;
  const float margin = four_bits ? kMarginOfFourBits : kMarginOfEight;
  const float low = (grid.lowest - margin) * grid.step;
  const float high = ((four_bits ? 120.0f : grid.highest) + margin) * grid.step;
  std::size_t outside = 0;
  for (std::size_t d = 0; d < grid.dimensions; ++d) {
    const float x = vector[d] - grid.origin[d];
    outside += x < low || x > high;
  }
  return outside;
}

}  // namespace nearfield
