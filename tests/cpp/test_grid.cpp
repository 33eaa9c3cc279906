// The grid of the codes, fitted to ordinary and to odd data.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "check.h"
#include "codes/codes.h"
#include "codes/grid.h"
#include "codes/rotation.h"
#include "fixtures.h"
#include "walk/metric.h"

namespace nearfield::test {
namespace {

constexpr Kind kKinds[] = {{Space::Euclidean, Codes::Int8},
                           {Space::Cosine, Codes::Int8},
                           {Space::InnerProduct, Codes::Int8},
                           {Space::Euclidean, Codes::Int4}};

// Rows of `dimensions` floats with zeros behind them, as an index keeps them.
std::vector<float> padded_rows(const std::vector<float>& vectors, std::size_t dimensions) {
  const std::size_t rows = vectors.size() / dimensions;
  const std::size_t padded = padded_dimensions(dimensions);
  std::vector<float> out(rows * padded);
  for (std::size_t row = 0; row < rows; ++row) {
    std::copy_n(vectors.data() + row * dimensions, dimensions, out.data() + row * padded);
  }
  return out;
}

Grid fit(const Kind& kind, const std::vector<float>& vectors, std::size_t dimensions) {
  const std::vector<float> rows = padded_rows(vectors, dimensions);
  const std::size_t padded = padded_dimensions(dimensions);
  return fit_grid(kind.codes, kind.space, dimensions, vectors.size() / dimensions,
                  [&](std::size_t row) { return rows.data() + row * padded; });
}

// The rows as they are encoded, and how wide they are then.
struct Encoded {
  std::vector<float> rows;
  std::size_t width;
};

Encoded encoded(const Grid& grid, const std::vector<float>& vectors, std::size_t dimensions) {
  if (!grid.rotated) return {vectors, dimensions};
  const std::size_t padded = padded_dimensions(dimensions);
  Encoded out{padded_rows(vectors, dimensions), padded};
  for (std::size_t i = 0; i < out.rows.size(); i += padded) rotate(out.rows.data() + i, padded);
  return out;
}

std::size_t count_all_outside(const Grid& grid, const std::vector<float>& vectors, std::size_t dimensions) {
  const auto [rows, width] = encoded(grid, vectors, dimensions);
  std::size_t outside = 0;
  for (std::size_t i = 0; i < rows.size(); i += width) outside += count_outside(grid, rows.data() + i);
  return outside;
}

// What byte or nibble `code` of dimension d stands for.
double decoded(const Grid& grid, std::size_t d, int code) {
  const double steps = grid.codes == Codes::Int4 ? 8.0 * code : code;
  return static_cast<double>(grid.origin[d]) + steps * static_cast<double>(grid.step);
}

// The codes of one vector, one a dimension.
std::vector<int> codes_of(const Kind& kind, const Grid& grid, const float* vector, std::size_t dimensions) {
  IndexConfig config{kind.space, Storage::Float32, static_cast<std::uint32_t>(dimensions)};
  config.codes = kind.codes;
  const Metric metric(config, active_level());
  std::vector<float> padded(metric.padded, 0.0f);
  std::copy_n(vector, dimensions, padded.data());
  std::vector<unsigned char> bytes(query_code_bytes(dimensions));
  metric.encode_codes(grid, padded.data(), bytes.data());
  std::vector<int> codes(dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) {
    const unsigned byte = kind.codes == Codes::Int4 ? bytes[d / 128 * 64 + d % 64] : bytes[d];
    codes[d] = kind.codes == Codes::Int4           ? static_cast<int>(d % 128 < 64 ? byte & 15u : byte >> 4)
               : kind.space == Space::InnerProduct ? static_cast<std::int8_t>(byte)
                                                   : static_cast<int>(byte);
  }
  return codes;
}

// A sound grid; inside, a code stands for what is at most half a step away, and what lies outside is held at the edge.
// Gives how many components lie outside.
std::size_t check_grid(const Kind& kind, const Grid& grid, const std::vector<float>& vectors, std::size_t dimensions,
                       const std::string& data) {
  const std::string what = name_of(kind) + ", " + data;
  check(std::isfinite(grid.step) && grid.step > 0, what + ": step " + std::to_string(grid.step));
  check(std::isfinite(grid.inverse_step()), what + ": inverse step");
  check_equal(grid.origin.size(), padded_dimensions(dimensions), what + ": origins");
  check(std::all_of(grid.origin.begin(), grid.origin.end(), [](float x) { return std::isfinite(x); }),
        what + ": origins are finite");
  check(grid.rotated || std::all_of(grid.origin.begin() + static_cast<std::ptrdiff_t>(dimensions), grid.origin.end(),
                                    [](float x) { return x == 0; }),
        what + ": padding stays zero");
  const int least = kind.space == Space::InnerProduct ? -127 : 0;
  const int greatest = kind.codes == Codes::Int4 ? 15 : 127;
  check_equal(static_cast<int>(grid.lowest), least, what + ": lowest code");
  std::size_t outside = 0;
  const auto [rows, width] = encoded(grid, vectors, dimensions);
  for (std::size_t row = 0; row < rows.size() / width; ++row) {
    const float* vector = rows.data() + row * width;
    const std::vector<int> codes = codes_of(kind, grid, vector, width);
    if (kind.space == Space::Cosine && std::all_of(vector, vector + width, [](float x) { return x == 0; })) {
      for (std::size_t d = 0; d < width; ++d) check_equal(codes[d], d % 2 == 0 ? 0 : greatest, what + ": a zero row");
      continue;
    }
    for (std::size_t d = 0; d < width; ++d) {
      check(codes[d] >= least && codes[d] <= greatest, what + ": code " + std::to_string(codes[d]));
      const double low = decoded(grid, d, least), high = decoded(grid, d, greatest);
      const double x = vector[d];
      const double step = (kind.codes == Codes::Int4 ? 8.0 : 1.0) * static_cast<double>(grid.step);
      // Floats round where the origin is long before the step.
      const double rounding = 0x1p-22 * (std::fabs(x) + std::fabs(static_cast<double>(grid.origin[d])) + 127 * step);
      if (x < low - rounding || x > high + rounding) {
        ++outside;
        check_equal(codes[d], x < low ? least : greatest, what + ": held at the edge");
      } else {
        check_near(decoded(grid, d, codes[d]), x, step / 2 + rounding, what + ": decoded");
      }
    }
  }
  return outside;
}

void odd_data_has_a_sound_grid() {
  constexpr std::size_t kDimensions = 20;
  constexpr std::size_t kRows = 300;
  for (const Kind& kind : kKinds) {
    for (const float value : {0.0f, 1.0f, -3.5f, 1e-38f, 1e20f, -1e38f}) {
      const std::vector<float> constant(kRows * kDimensions, value);
      check_grid(kind, fit(kind, constant, kDimensions), constant, kDimensions, "all " + std::to_string(value));
    }
    for (const float scale : {1e-45f, 1e-38f, 1e-20f, 1.0f, 1e10f, 1e17f, 1e38f}) {
      std::vector<float> vectors = scattered(kRows, kDimensions, 5);
      for (float& x : vectors) x *= scale;
      const std::string data = "times " + std::to_string(std::log10(scale));
      check_grid(kind, fit(kind, vectors, kDimensions), vectors, kDimensions, data);
      vectors.resize(kDimensions);
      check_grid(kind, fit(kind, vectors, kDimensions), vectors, kDimensions, "one row, " + data);
    }
    std::vector<float> outlier = scattered(kRows, kDimensions, 6);
    outlier[7 * kDimensions + 3] = 1e6f;
    check_grid(kind, fit(kind, outlier, kDimensions), outlier, kDimensions, "one outlier");
    std::vector<float> unequal = scattered(kRows, kDimensions, 7);
    for (std::size_t i = 0; i < unequal.size(); ++i) {
      unequal[i] =
          unequal[i] * std::ldexp(1.0f, static_cast<int>(i % kDimensions) - 10) + static_cast<float>(i % kDimensions);
    }
    check_grid(kind, fit(kind, unequal, kDimensions), unequal, kDimensions, "unequal dimensions");
  }
}

void ordinary_data_lies_inside() {
  constexpr std::size_t kDimensions = 40;
  for (const Kind& kind : kKinds) {
    for (const float scale : {1e-3f, 1.0f, 1e3f}) {
      std::vector<float> vectors = clustered(2500, kDimensions, 8);  // more than are looked at
      for (float& x : vectors) x *= scale;
      const Grid grid = fit(kind, vectors, kDimensions);
      const std::size_t outside = check_grid(kind, grid, vectors, kDimensions, "clusters");
      const std::size_t most =
          kind.space == Space::InnerProduct ? 0 : vectors.size() / (kind.codes == Codes::Int4 ? 20 : 100);
      check(outside <= most, name_of(kind) + ": outside are " + std::to_string(outside));
      // No wider than the data asks for.
      check(static_cast<double>(grid.step) * (kind.space == Space::InnerProduct ? 127 : 120) <=
                2.1 * static_cast<double>(scale),
            name_of(kind) + ": step " + std::to_string(grid.step));
      const std::size_t counted = count_all_outside(grid, vectors, kDimensions);
      check(counted <= outside, name_of(kind) + ": counted outside " + std::to_string(counted));
    }
  }
}

// One far row must not spoil the steps of all others, nor, where products are taken, by more than a factor of 8.
void an_outlier_is_held_at_the_edge() {
  constexpr std::size_t kDimensions = 20, kRows = 1000, kRow = 6;
  for (const Kind& kind : kKinds) {
    for (const bool whole_row : {false, true}) {
      std::vector<float> vectors = scattered(kRows, kDimensions, 9);
      for (std::size_t d = 3; d < (whole_row ? kDimensions : 4); ++d) vectors[kRow * kDimensions + d] = 5000.0f;
      const Grid grid = fit(kind, vectors, kDimensions);
      const std::size_t counted = count_all_outside(grid, vectors, kDimensions);
      const std::string what = name_of(kind) + ": step " + std::to_string(grid.step);
      if (kind.space == Space::InnerProduct) {
        check(grid.step * 127 > 7 && grid.step * 127 < 9, what);
        check_equal(codes_of(kind, grid, vectors.data() + kRow * kDimensions, kDimensions)[3], 127, "the longest");
      } else {
        check(grid.step < 2.0f * 1.1f / 120, what);
        check(counted >= 1 && counted < vectors.size() / 10, what + ", outside are " + std::to_string(counted));
      }
    }
  }
}

// Where every row has one component that matters, it is not an outlier.
void spikes_stay_inside() {
  constexpr std::size_t kDimensions = 2000, kRows = 500;
  for (const Kind& kind : kKinds) {
    std::vector<float> vectors = scattered(kRows, kDimensions, 12);
    for (float& x : vectors) x *= 0.001f;
    for (std::size_t row = 0; row < kRows; ++row) vectors[row * kDimensions + mix64(row) % kDimensions] = 1.0f;
    const Grid grid = fit(kind, vectors, kDimensions);
    const std::size_t outside = count_all_outside(grid, vectors, kDimensions);
    check(outside < (grid.rotated ? kRows * kDimensions / 1000 : kRows / 10),
          name_of(kind) + ": outside are " + std::to_string(outside));
  }
}

// A rotation leaves lengths and distances; what one dimension varies in, all vary in afterwards.
void rotating_spreads_and_keeps_distances() {
  for (const std::size_t n : {16u, 48u, 64u, 80u, 384u, 784u, 1536u}) {
    std::vector<float> a = scattered(1, n, 20), b = scattered(1, n, 21);
    a[3] += 100.0f;
    const auto squared = [n](const std::vector<float>& x, const std::vector<float>& y) {
      double sum = 0;
      for (std::size_t d = 0; d < n; ++d)
        sum += (static_cast<double>(x[d]) - y[d]) * (static_cast<double>(x[d]) - y[d]);
      return sum;
    };
    const double before = squared(a, b);
    rotate(a.data(), n);
    rotate(b.data(), n);
    check_near(squared(a, b), before, 1e-4 * before, "squared distance over " + std::to_string(n));
    const float largest =
        std::abs(*std::max_element(a.begin(), a.end(), [](float x, float y) { return std::abs(x) < std::abs(y); }));
    check(n < 48 || largest < 80.0f, std::to_string(n) + ": the largest is " + std::to_string(largest));
    check(n < 300 || largest < 40.0f, std::to_string(n) + ": the largest is " + std::to_string(largest));
  }
}

// Where one dimension varies much more than the others, and only there, vectors are rotated.
void unequal_dimensions_are_rotated() {
  constexpr std::size_t kDimensions = 64;
  std::vector<float> vectors = scattered(800, kDimensions, 13);
  const Kind four{Space::Euclidean, Codes::Int4};
  check(!fit(four, vectors, kDimensions).rotated, "equal dimensions stay");
  for (std::size_t row = 0; row < 800; row += 3) vectors[row * kDimensions + 5] += 12.0f;
  check(fit(four, vectors, kDimensions).rotated, "unequal dimensions are rotated");
  check(!fit({Space::InnerProduct, Codes::Int8}, vectors, kDimensions).rotated, "products are not");
}

// Binary rows at unit length: all that a row has is rounded alike, which adds up in its distances. As they are, without
// that, codes hold them exactly.
void rows_that_are_rounded_alike_are_rotated() {
  constexpr std::size_t kDimensions = 256, kRows = 600;
  std::vector<float> vectors = scattered(kRows, kDimensions, 16);
  for (float& x : vectors) x = x > 0.9f ? 1.0f : 0.0f;
  check(!fit({Space::Euclidean, Codes::Int4}, vectors, kDimensions).rotated, "binary rows stay");
  for (std::size_t row = 0; row < kRows; ++row) {
    const auto first = vectors.begin() + static_cast<std::ptrdiff_t>(row * kDimensions);
    const auto length = std::sqrt(static_cast<float>(std::count(first, first + kDimensions, 1.0f)));
    for (auto x = first; x != first + kDimensions; ++x) *x /= std::max(length, 1.0f);
  }
  check(fit({Space::Cosine, Codes::Int4}, vectors, kDimensions).rotated, "at unit length they are rotated");
}

// Each dimension has its own origin, so one far from zero costs no precision.
void dimensions_far_from_zero_are_coded_as_well() {
  constexpr std::size_t kDimensions = 16;
  std::vector<float> vectors = scattered(500, kDimensions, 10);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] += static_cast<float>(i % kDimensions) * 10.0f;
  const Kind kind{Space::Euclidean, Codes::Int8};
  const Grid grid = fit(kind, vectors, kDimensions);
  check(grid.step < 2.2f / 127, "step " + std::to_string(grid.step));
  check_grid(kind, grid, vectors, kDimensions, "far from zero");
}

// A dimension in which all rows are alike is held exactly; and what does not vary at all.
void what_is_always_the_same_is_held_exactly() {
  constexpr std::size_t kDimensions = 20, kRows = 300;
  for (const Kind& kind : kKinds) {
    if (kind.space == Space::InnerProduct) continue;
    for (const bool all : {false, true}) {
      std::vector<float> vectors = scattered(kRows, kDimensions, 15);
      for (std::size_t row = 0; row < kRows; ++row) {
        for (std::size_t d = all ? 0 : 7; d < kDimensions; d += all ? 1 : kDimensions) {
          vectors[row * kDimensions + d] = 0.375f;
        }
      }
      const Grid grid = fit(kind, vectors, kDimensions);
      check(!grid.rotated, name_of(kind) + ": not rotated");
      const std::vector<int> codes = codes_of(kind, grid, vectors.data(), kDimensions);
      check_near(decoded(grid, 7, codes[7]), 0.375, 1e-6, name_of(kind) + (all ? ": all alike" : ": one alike"));
    }
  }
}

// Sums of rotating that leave the range of floats: still numbers.
void numbers_at_the_end_of_floats_are_rotated_to_numbers() {
  constexpr std::size_t kPadded = 64;
  Grid grid = empty_grid(Codes::Int8, Space::Euclidean, kPadded);
  grid.rotated = true;
  std::vector<float> vector(kPadded), buffer(kPadded);
  for (std::size_t d = 0; d < kPadded; ++d) vector[d] = uniform(3, d) < 0 ? -3e38f : 3e38f;
  const float* rotated = as_encoded(grid, vector.data(), kPadded, buffer.data());
  check(std::none_of(rotated, rotated + kPadded, [](float x) { return std::isnan(x); }), "no NaN");
}

void doubt_grows_with_the_distance() {
  for (const Kind& kind : kKinds) {
    const Grid grid = fit(kind, scattered(100, 64, 11), 64);
    std::vector<unsigned char> query(query_code_bytes(64), 100);
    const Rounding rounding = rounding_of(grid, query.data());
    const bool products = kind.space == Space::InnerProduct;
    check(rounding.flat > 0 && (rounding.rising > 0) == !products, name_of(kind) + ": how doubt rises");
    // A squared distance of 64 differences of 50 steps, each a step too long or too short, at 3.5 deviations.
    const double key = 64.0 * 50 * 50;
    const double doubt = rounding.flat + rounding.rising * std::sqrt(key);
    check(doubt > 100 && doubt < (products || kind.codes == Codes::Int8 ? 0.05 : 0.2) * key + 9000,
          name_of(kind) + ": doubt " + std::to_string(doubt));
  }
}

const Group group{
    "grid",
    {{"odd data has a sound grid", odd_data_has_a_sound_grid},
     {"ordinary data lies inside", ordinary_data_lies_inside},
     {"an outlier is held at the edge", an_outlier_is_held_at_the_edge},
     {"spikes stay inside", spikes_stay_inside},
     {"rotating spreads and keeps distances", rotating_spreads_and_keeps_distances},
     {"unequal dimensions are rotated", unequal_dimensions_are_rotated},
     {"rows that are rounded alike are rotated", rows_that_are_rounded_alike_are_rotated},
     {"dimensions far from zero are coded as well", dimensions_far_from_zero_are_coded_as_well},
     {"what is always the same is held exactly", what_is_always_the_same_is_held_exactly},
     {"numbers at the end of floats are rotated to numbers", numbers_at_the_end_of_floats_are_rotated_to_numbers},
     {"doubt grows with the distance", doubt_grows_with_the_distance}}};

}  // namespace
}  // namespace nearfield::test
