#include "codes/grid.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nearfield {
namespace {

constexpr std::size_t kMostSampled = 2048;             // rows
constexpr std::size_t kMostPooled = std::size_t{1} << 17;  // components that the range is chosen by
constexpr double kCommonInOne = 0.999;  // of one dimension's components; its middle is that of these
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

// Half the range, among some quantiles of the distances from the middle, that makes the squared error least: rounding to
// `levels` values inside, holding at the edge outside. Sorts them.
float best_half(std::vector<float>& distances, double levels) {
  std::sort(distances.begin(), distances.end());
  // Sums over those beyond a position, from the end.
  std::vector<double> sum(distances.size() + 1), squares(distances.size() + 1);
  for (std::size_t i = distances.size(); i-- > 0;) {
    sum[i] = sum[i + 1] + distances[i];
    squares[i] = squares[i + 1] + static_cast<double>(distances[i]) * distances[i];
  }
  float best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const double share : {0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0}) {
    const std::size_t at = position_of(share, distances.size());
    const double half = distances[at];
    const double step = 2 * half / (levels - 1);
    const auto inside = static_cast<double>(at + 1);
    const auto beyond = static_cast<double>(distances.size() - at - 1);
    const double error =
        inside * step * step / 12 + squares[at + 1] - 2 * half * sum[at + 1] + beyond * half * half;
    if (error < least) {
      least = error;
      best = distances[at];
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
  std::vector<float> distances;                 // of components from there, evenly spread
  const std::size_t stride = sampled * dimensions / kMostPooled + 1;
  std::size_t next = 0;
  for (std::size_t d = 0; d < dimensions; ++d) {
    if (space != Space::InnerProduct) {
      // Halved apart: the sum of two floats may leave the range of floats.
      std::vector<float> column = columns[d];
      middle[d] = quantile(column, 1 - kCommonInOne) * 0.5f + quantile(column, kCommonInOne) * 0.5f;
    }
    for (; next < sampled; next += stride) distances.push_back(std::fabs(columns[d][next] - middle[d]));
    next -= sampled;
  }
  if (space == Space::InnerProduct) {
    // All of it: the longest rows lead every walk, and what they lose at the edge no error elsewhere makes up for.
    float longest = 0;
    for (const std::vector<float>& column : columns) {
      for (const float x : column) longest = std::max(longest, std::fabs(x));
    }
    grid.step = (longest > 0x1p-60f ? std::min(longest, 0x1p60f) : 1.0f) / 127.0f;
  } else {
    const bool nibbles = codes == Codes::Int4;
    const float half = best_half(distances, nibbles ? 16 : 128);
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
