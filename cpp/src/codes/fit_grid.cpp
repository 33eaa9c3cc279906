#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "codes/codes.h"
#include "codes/grid.h"
#include "codes/long_rows.h"
#include "codes/rotation.h"
#include "threads.h"

namespace nearfield {
namespace {

constexpr std::size_t kMostPooled = std::size_t{1} << 18;  // components that the range is chosen by
// Of the components of one dimension; its middle is that of these. Far rows up to one in a hundred do not move it; and
// where half of the values are one, as in images, the middle is still that of the range (recall@10 of 784-d images at
// ef 24: .997 with .999, .996 with .99, .989 with .95).
constexpr double kCommonInOne = 0.99;
constexpr double kCommonRows = 0.99;  // of inner products
// Times what common rows need: wide enough for all but a few, whom queries compare by their vectors (LongRows; half of
// its places stay free for rows to come), within the second.
constexpr float kProductRange = 8, kMostProductRange = 32;
constexpr std::size_t kLeftOutside = LongRows::kMost / 2;
constexpr double kRotationGain = 1.5;    // how much less error, or disorder, makes rotating worth its time
constexpr double kLeastDisorder = 1e-3;  // that is worth it
// Rows of the sample among which distances are measured, from how many of them, and to how many of their nearest.
constexpr std::size_t kMostCompared = 256, kMostAsked = 32, kMostNear = 32;

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

// All components of the first dimension, then of the next.
std::vector<float> by_dimension(std::size_t rows, std::size_t dimensions, const Sample& sample) {
  std::vector<float> values(rows * dimensions);
  for (std::size_t i = 0; i < rows; ++i) {
    const float* vector = sample(i);
    for (std::size_t d = 0; d < dimensions; ++d) values[d * rows + i] = vector[d];
  }
  return values;
}

Spread choose_range(std::size_t rows, std::size_t dimensions, double levels, std::size_t num_threads,
                    const Sample& sample) {
  const std::vector<float> values = by_dimension(rows, dimensions, sample);
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

// The middle of the rows among inner products: for each dimension the mean of what is left without the lowest and the
// highest hundredth of its components.
void center_on(std::size_t rows, const Sample& sample, std::size_t num_threads, Grid& grid) {
  std::vector<float> values = by_dimension(rows, grid.dimensions, sample);
  parallel_for(grid.dimensions, num_threads, [&](std::size_t, std::size_t d) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(d * rows);
    std::sort(begin, begin + static_cast<std::ptrdiff_t>(rows));
    const std::size_t first = position_of(1 - kCommonInOne, rows), last = position_of(kCommonInOne, rows);
    double sum = 0;
    for (std::size_t i = first; i <= last; ++i) sum += static_cast<double>(begin[static_cast<std::ptrdiff_t>(i)]);
    const auto mean = static_cast<float>(sum / static_cast<double>(last - first + 1));
    grid.origin[d] = std::min(std::max(mean, -kMostOrigin), kMostOrigin);
  });
}

// All of the range, unless that is far beyond what nearly all rows need: the longest rows lead every walk, and what
// they lose at the edge no error elsewhere makes up for, unless they are few. So all rows are looked at: no sample has
// the longest.
float product_step(std::size_t rows, const Grid& grid, const Sample& row) {
  std::vector<float> longest(rows, 0.0f);  // component of each row
  for (std::size_t i = 0; i < rows; ++i) {
    const float* vector = row(i);
    for (std::size_t d = 0; d < grid.dimensions; ++d) {
      longest[i] = std::max(longest[i], std::fabs(vector[d] - grid.origin[d]));
    }
  }
  const float all = *std::max_element(longest.begin(), longest.end());
  const float common = quantile(longest, kCommonRows);
  float half = all;
  if (common > 0 && all > kProductRange * common && rows > kLeftOutside) {
    const auto last_inside = longest.begin() + static_cast<std::ptrdiff_t>(rows - 1 - kLeftOutside);
    std::nth_element(longest.begin(), last_inside, longest.end());
    half = common * std::clamp(*last_inside / common, kProductRange, kMostProductRange);
  }
  return (half > 0x1p-60f ? std::min(half, 0x1p60f) : 1.0f) / 127.0f;
}

Grid grid_of(const Grid& empty, const Spread& range, bool rotated) {
  Grid grid = empty;
  grid.rotated = rotated;
  grid.step = range.half * 2.0f / (grid.codes == Codes::Int4 ? 120.0f : 127.0f);
  for (std::size_t d = 0; d < range.middle.size(); ++d) {
    // What is always the same is held exactly: code 64, or nibble 8, stands for it.
    const float origin = range.middle[d] - (range.varies[d] ? range.half : 64 * grid.step);
    grid.origin[d] = std::min(std::max(origin, -kMostOrigin), kMostOrigin);
  }
  return grid;
}

double squared_distance(const float* a, const float* b, std::size_t n) {
  double sum = 0;
  for (std::size_t d = 0; d < n; ++d) {
    const double difference = static_cast<double>(a[d]) - static_cast<double>(b[d]);
    sum += difference * difference;
  }
  return sum;
}

// A few rows of the sample, and those of them that lie near to some: what a grid is judged by.
struct Neighbours {
  std::size_t padded;
  std::vector<float> rows;  // padded floats each
  std::size_t num_rows, num_asked, num_near;
  std::vector<std::uint32_t> near;  // num_near rows of each that is asked for
  std::vector<double> distances;    // squared, of these

  const float* row(std::size_t i) const { return rows.data() + i * padded; }
  std::size_t asked(std::size_t i) const { return i * num_rows / num_asked; }
};

Neighbours find_neighbours(std::size_t sampled, std::size_t padded, std::size_t num_threads, const Sample& sample) {
  Neighbours out{padded, {}, std::min(sampled, kMostCompared), std::min(sampled, kMostAsked), 0, {}, {}};
  out.rows.resize(out.num_rows * padded);
  for (std::size_t i = 0; i < out.num_rows; ++i) {
    std::copy_n(sample(i * sampled / out.num_rows), padded, out.rows.data() + i * padded);
  }
  out.num_near = std::min(kMostNear, out.num_rows - 1);
  out.near.resize(out.num_asked * out.num_near);
  out.distances.resize(out.near.size());
  parallel_for(out.num_asked, num_threads, [&](std::size_t, std::size_t i) {
    std::vector<std::pair<double, std::uint32_t>> others;
    for (std::size_t j = 0; j < out.num_rows; ++j) {
      if (j == out.asked(i)) continue;
      others.emplace_back(squared_distance(out.row(out.asked(i)), out.row(j), padded), static_cast<std::uint32_t>(j));
    }
    std::sort(others.begin(), others.end());
    for (std::size_t n = 0; n < out.num_near; ++n) {
      out.distances[i * out.num_near + n] = others[n].first;
      out.near[i * out.num_near + n] = others[n].second;
    }
  });
  return out;
}

double variance(const std::vector<double>& values) {
  double mean = 0, sum = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values) sum += (value - mean) * (value - mean);
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

// How far a grid puts near rows out of order: the variance of what it adds to their squared distances by the variance
// of these, the median of all that are asked. What it adds to all alike does no harm. The errors of components do not
// tell it: where all of a row's are rounded alike, as those of binary rows at unit length, they add up and do not
// cancel.
double disorder(const Grid& grid, const Neighbours& neighbours, std::size_t num_threads) {
  const std::size_t padded = neighbours.padded;
  const float width = grid.codes == Codes::Int4 ? 8 : 1;
  const auto rounded = [&](std::size_t i, float steps, float* out) {
    std::vector<float> buffer(padded);
    const float* vector = as_encoded(grid, neighbours.row(i), padded, buffer.data());
    for (std::size_t d = 0; d < padded; ++d) {
      const float code = std::nearbyint((vector[d] - grid.origin[d]) / (steps * grid.step)) * steps;
      out[d] = std::min(std::max(code, 0.0f), grid.codes == Codes::Int4 && steps > 1 ? 120.0f : 127.0f) * grid.step;
    }
  };
  std::vector<double> shares(neighbours.num_asked);
  std::vector<float> rows(neighbours.rows.size());
  parallel_for(neighbours.num_rows, num_threads,
               [&](std::size_t, std::size_t i) { rounded(i, width, rows.data() + i * padded); });
  parallel_for(neighbours.num_asked, num_threads, [&](std::size_t, std::size_t i) {
    std::vector<float> query(padded);
    rounded(neighbours.asked(i), 1, query.data());
    std::vector<double> added, distances;
    for (std::size_t n = i * neighbours.num_near; n < (i + 1) * neighbours.num_near; ++n) {
      distances.push_back(neighbours.distances[n]);
      added.push_back(squared_distance(query.data(), rows.data() + neighbours.near[n] * padded, padded) -
                      distances.back());
    }
    const double harm = variance(added);
    shares[i] = harm > 0 ? harm / variance(distances) : 0.0;
  });
  const auto middle = shares.begin() + static_cast<std::ptrdiff_t>(shares.size() / 2);
  std::nth_element(shares.begin(), middle, shares.end());
  return *middle;
}

// Whether it is worth the time to rotate for the order of near rows.
bool keeps_order(const Grid& turned, const Grid& plain, const Neighbours& neighbours, std::size_t num_threads) {
  const double before = disorder(plain, neighbours, num_threads);
  return before > kLeastDisorder && disorder(turned, neighbours, num_threads) * kRotationGain < before;
}

}  // namespace

Grid fit_grid(Codes codes, Space space, std::size_t dimensions, std::size_t rows,
              const std::function<const float*(std::size_t)>& row, std::size_t num_threads, bool may_rotate) {
  const std::size_t sampled = std::min(rows, kMostSampled);
  const auto sample = [&](std::size_t i) { return row(i * rows / sampled); };
  Grid grid = empty_grid(codes, space, dimensions);
  const std::size_t padded = grid.padded();
  if (space == Space::InnerProduct) {
    center_on(sampled, sample, num_threads, grid);
    grid.step = product_step(rows, grid, row);
  } else {
    std::vector<float> buffer(padded);
    const auto rotated = [&](std::size_t i) {
      std::copy_n(sample(i), padded, buffer.data());
      rotate(buffer.data(), padded);
      return static_cast<const float*>(buffer.data());
    };
    const double levels = codes == Codes::Int4 ? 16 : 128;
    const Spread range = choose_range(sampled, dimensions, levels, num_threads, sample);
    Grid plain = grid_of(grid, range, false);
    if (may_rotate) {
      const Spread turned_range = choose_range(sampled, padded, levels, num_threads, rotated);
      Grid turned = grid_of(grid, turned_range, true);
      if (lies_within(turned_range.middle, kMostRotatedOrigin / 2) &&
          (turned_range.error * kRotationGain < range.error ||
           keeps_order(turned, plain, find_neighbours(sampled, padded, num_threads, sample), num_threads))) {
        plain = std::move(turned);
      }
    }
    grid = std::move(plain);
  }
  std::vector<float> buffer(padded);
  std::size_t outside = 0;
  for (std::size_t i = 0; i < sampled; ++i) {
    outside += count_outside(grid, as_encoded(grid, sample(i), padded, buffer.data()));
  }
  grid.share_outside = static_cast<float>(static_cast<double>(outside) / static_cast<double>(sampled * dimensions));
  return grid;
}

}  // namespace nearfield
