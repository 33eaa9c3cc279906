#include "codes/grid.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nearfield {
namespace {

constexpr std::size_t kMostSampled = 2048;             // rows
constexpr std::size_t kMostPooled = std::size_t{1} << 18;  // components that the range is chosen by
constexpr double kCommonInOne = 0.999;  // of one dimension's components; its middle is that of these
constexpr double kCommonOfProducts = 0.999;
constexpr float kMostProductRange = 8.0f;  // times what common components of inner products need
constexpr double kDoubt = 3.5;          // standard deviations

// The value that a share of the values reaches. Reorders them.
std::size_t position_of(double share, std::size_t n) {
  return static_cast<std::size_t>(share * static_cast<double>(n - 1) + 0.5);
}

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

// Half the range, among some quantiles of the distances from the middle, that makes the squared error least: rounding
// to `levels` values inside, holding at the edge outside. Distances stand dimension by dimension, `rows` in each.
float best_half(const std::vector<float>& distances, std::size_t rows, double levels) {
  std::vector<float> reordered = distances;
  const double most = most_of_row(distances, rows);
  std::vector<double> errors(rows);  // outside, of each row
  float best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const double share : {0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0}) {
    const float half = quantile(reordered, share);
    const double step = 2.0 * half / (levels - 1);
    double error = 0;
    std::fill(errors.begin(), errors.end(), 0.0);
    for (std::size_t d = 0; d < distances.size(); d += rows) {
      for (std::size_t row = 0; row < rows; ++row) {
        const float x = distances[d + row];
        if (x > half) {
          errors[row] += (static_cast<double>(x) - half) * (static_cast<double>(x) - half);
        } else {
          error += step * step / 12;
        }
      }
    }
    for (const double outside : errors) error += std::min(outside, most);
    if (error < least) {
      least = error;
      best = half;
    }
  }
  // Where nothing varies any range serves; beyond the others, squares leave the range of floats.
  if (!(best > 0x1p-60f)) return 1.0f;
  return std::min(best, 0x1p60f);
}

}  // namespace

Grid empty_grid(Codes codes, Space space, std::size_t padded) {
  Grid grid;
  grid.codes = codes;
  grid.origin.assign(padded, 0.0f);
  if (space == Space::InnerProduct) grid.lowest = -127.0f;
  return grid;
}

Grid fit_grid(Codes codes, Space space, std::size_t dimensions, std::size_t padded, std::size_t rows,
              const std::function<const float*(std::size_t)>& row) {
  const std::size_t sampled = std::min(rows, kMostSampled);
  std::vector<std::vector<float>> columns(dimensions, std::vector<float>(sampled));
  for (std::size_t i = 0; i < sampled; ++i) {
    const float* vector = row(i * rows / sampled);
    for (std::size_t d = 0; d < dimensions; ++d) columns[d][i] = vector[d];
  }
  Grid grid = empty_grid(codes, space, padded);
  std::vector<float> middle(dimensions, 0.0f);  // of each dimension
  // Of components from there, of some whole rows, dimension by dimension.
  const std::size_t stride = sampled * dimensions / kMostPooled + 1;
  const std::size_t pooled = (sampled + stride - 1) / stride;
  std::vector<float> distances;
  distances.reserve(pooled * dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) {
    if (space != Space::InnerProduct) {
      // Halved apart: the sum of two floats may leave the range of floats.
      std::vector<float> column = columns[d];
      middle[d] = quantile(column, 1 - kCommonInOne) * 0.5f + quantile(column, kCommonInOne) * 0.5f;
    }
    for (std::size_t i = 0; i < sampled; i += stride) distances.push_back(std::fabs(columns[d][i] - middle[d]));
  }
  if (space == Space::InnerProduct) {
    // All of it, unless that is far beyond what nearly all need: the longest rows lead every walk, and what they lose at
    // the edge no error elsewhere makes up for.
    float longest = 0;
    for (const std::vector<float>& column : columns) {
      for (const float x : column) longest = std::max(longest, std::fabs(x));
    }
    longest = std::min(longest, kMostProductRange * std::max(quantile(distances, kCommonOfProducts), 0x1p-60f));
    grid.step = (longest > 0x1p-60f ? std::min(longest, 0x1p60f) : 1.0f) / 127.0f;
  } else {
    const bool nibbles = codes == Codes::Int4;
    const float half = best_half(distances, pooled, nibbles ? 16 : 128);
    grid.step = half * 2.0f / (nibbles ? 120.0f : 127.0f);
    for (std::size_t d = 0; d < dimensions; ++d) grid.origin[d] = middle[d] - half;
  }
  std::size_t outside = 0;
  for (std::size_t i = 0; i < sampled; ++i) outside += count_outside(grid, row(i * rows / sampled), dimensions);
  grid.share_outside = static_cast<float>(static_cast<double>(outside) / static_cast<double>(sampled * dimensions));
  return grid;
}

std::uint32_t doubtful_until(const Grid& grid, std::uint32_t key, const unsigned char* query, std::size_t dimensions) {
  // Rounding over w steps has variance w^2 / 12. It moves a squared distance D by 2 sqrt(D) times the deviation, a
  // product by the length of the other factor times it. Two rows differ by sqrt(2) of that.
  double variance = 0;
  if (grid.lowest == 0) {
    const double width = grid.codes == Codes::Int4 ? 8 : 1;
    variance = 4.0 * key * (width * width + 1) / 12;
  } else {
    double squares = 0;
    for (std::size_t d = 0; d < dimensions; ++d) {
      const auto q = static_cast<std::int8_t>(query[d]);
      squares += q * q;
    }
    const double dot = 0x1p31 - key;
    variance = (squares + (squares > 0 ? dot * dot / squares : 0)) / 12;  // the row is at least dot / |query| long
  }
  const double limit = key + kDoubt * std::sqrt(2 * variance);
  return limit < 0xFFFFFFFFu ? static_cast<std::uint32_t>(limit) : 0xFFFFFFFFu;
}

std::size_t count_outside(const Grid& grid, const float* vector, std::size_t dimensions) {
  // Half a step beyond the last code still rounds to it.
  const float low = (grid.lowest - 0.5f) * grid.step;
  const float high = ((grid.codes == Codes::Int4 ? 120.0f : grid.highest) + 0.5f) * grid.step;
  std::size_t outside = 0;
  for (std::size_t d = 0; d < dimensions; ++d) {
    const float x = vector[d] - grid.origin[d];
    outside += x < low || x > high;
  }
  return outside;
}

}  // namespace nearfield
