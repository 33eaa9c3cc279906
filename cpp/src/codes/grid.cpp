#include "codes/grid.h"

#include <algorithm>
#include <cmath>

#include "codes/codes.h"
#include "codes/rotation.h"

namespace nearfield {
namespace {

// Steps beyond the edge that do not count yet as outside. With 4 bits up to one component in a hundred lies there by
// intent of the fit. With 8 bits few do, and a stream that stays as far outside as a fifth of the range lost .014 of
// recall (inner products that grow, 2026-11).
constexpr float kMarginOfFourBits = 24, kMarginOfEight = 4;
constexpr double kDoubt = 3.5;  // standard deviations

}  // namespace

Grid empty_grid(Codes codes, Space space, std::size_t dimensions) {
  Grid grid;
  grid.codes = codes;
  grid.dimensions = dimensions;
  grid.origin.assign(padded_dimensions(dimensions), 0.0f);
  if (space == Space::InnerProduct) grid.lowest = -127.0f;
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
    for (std::size_t d = 0; d < padded; ++d) {
      vector[d] = origin[d] + static_cast<float>(static_cast<std::int8_t>(codes[d])) * step;
    }
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
