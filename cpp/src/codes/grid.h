// The grid of the codes: which number each byte of a code stands for.
//
// Squared L2 and cosine (of unit vectors, half a squared L2): 7 bits. Byte b of dimension d stands for
// origin[d] + b * step. One step for all dimensions, so the sum of squared differences of codes is that of the vectors,
// in steps; the origin falls out of a difference, so each dimension has its own.
// Inner product: 8 bits, signed, -127 to 127. Byte b of dimension d stands for origin[d] + b * step. The origin is the
// middle of the rows: it adds the same to a query's product with every row, and the graph, which is built by products
// of codes, is that of the rows around their middle. Else rows of one direction would all be near to the longest alone.
//
// 4 bits, for squared L2 and cosine: nibble n stands for origin[d] + 8 n * step, on a grid of 121 steps; queries are
// encoded with 7 bits on the same grid.
//
// Where some dimensions vary much more than others, vectors are rotated first: the one step would have to serve the
// widest. So are rows whose components are all rounded alike. Which is better is measured when the grid is fitted.
//
// Vectors outside the grid are held at its edge. That is counted, and where it becomes common the grid is fitted
// anew (build/recode.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "nearfield/types.h"

namespace nearfield {

// Bytes of a row of codes: a whole number of cache lines, so no kernel has a tail and no row an odd line.
constexpr std::size_t code_bytes(Codes codes, std::size_t dimensions) {
  return codes == Codes::Int4 ? (dimensions + 127) / 128 * 64 : (dimensions + 63) / 64 * 64;
}
// Of a query, which has a byte a dimension; 4 bytes more may stand behind (simd/kernels.h).
constexpr std::size_t query_code_bytes(std::size_t dimensions) { return (dimensions + 127) / 128 * 128; }

struct Grid {
  bool rotated = false;  // whether vectors are rotated before they are encoded (codes/rotation.h)
  Codes codes = Codes::Int8;
  std::size_t dimensions = 0;       // of what is encoded: the vectors', or those of a sketch (codes/sketch.h)
  std::vector<float> origin;        // per dimension, padded to 16 with 0
  float step = 1;                   // above 0
  float lowest = 0, highest = 127;  // of a query's codes; -127 for inner products
  float share_outside = 0;          // of the components that it was fitted to (count_outside)

  std::size_t padded() const { return origin.size(); }
  // Dimensions of which a code says something: where the grid is rotated, those behind the last as well.
  std::size_t coded() const { return rotated ? padded() : dimensions; }

  bool operator==(const Grid&) const = default;
  float inverse_step() const { return 1.0f / step; }
};

// No origin is larger; where vectors are rotated, and rows rotated back, sums of such numbers must stay in the range of
// floats.
inline constexpr float kMostOrigin = 0x1p127f, kMostRotatedOrigin = 0x1p64f;

// Origin 0, step 1.
Grid empty_grid(Codes codes, Space space, std::size_t dimensions);

inline constexpr std::size_t kMostSampled = 2048;  // rows that a grid is fitted to

// Fit a grid to `rows` vectors of `dimensions` floats (row(i) gives the i-th, padded; valid until the next call).
// Up to 2,048 of them are looked at, evenly spread. The range is the one that leaves the least squared error, of
// rounding inside and of holding outside, where no row counts for more than two ordinary rows lie apart. Rotated where
// that leaves much less of it, or keeps near rows of the sample in much better order; vectors of a sketch never are.
// The same for any number of threads (0 = all cores); row() is called on this one alone.
Grid fit_grid(Codes codes, Space space, std::size_t dimensions, std::size_t rows,
              const std::function<const float*(std::size_t)>& row, std::size_t num_threads = 1, bool may_rotate = true);

// Make the range wider around its middle, by a larger step.
void widen(Grid& grid, float step);

// What rounding does to the keys of the kernels (simd/kernels.h): where the k-th nearest by codes has a key, rows up to
// key + flat + rising * sqrt(key) may be among the k nearest. 3.5 standard deviations of the difference of two
// distances. For inner products `query` are the codes of the query.
struct Rounding {
  double flat, rising;
};
Rounding rounding_of(const Grid& grid, const unsigned char* query);

// A row of codes for the zero vector in cosine space, far from all others: by what a grid gives it, it would lie half
// as far from a query as any row at a right angle, and before all of them. `dimensions` are those that are coded.
// Ordinary rows of few dimensions may look so by chance; there zero vectors have ordinary codes.
inline constexpr std::size_t kLeastForZero = 16;  // dimensions
void encode_zero(Codes codes, std::size_t dimensions, unsigned char* row);
bool is_zero_row(Codes codes, std::size_t dimensions, const unsigned char* row);

// A stored vector as it is encoded: itself, or rotated into `buffer` (`padded` floats).
const float* as_encoded(const Grid& grid, const float* vector, std::size_t padded, float* buffer);

// What codes stand for, `padded` floats, as they were encoded.
void decode_grid(const Grid& grid, const unsigned char* codes, std::size_t padded, float* vector);
// The way back from as_encoded, in place: unrotated, and zeros behind the last dimension.
void turn_back(const Grid& grid, float* vector, std::size_t dimensions, std::size_t padded);

// Squared steps a dimension that a query may lose by being held at the edge of the grid, or codes of it would mislead a
// walk: (8^2 + 1) / 12, what rounding to 4 bits takes from a row.
inline constexpr float kMostHeldOff = 5.4f;
// A query as numbers of the grid, not rounded: query_code_bytes(dimensions) floats, for FloatTable::number_walks.
void write_in_steps(const Grid& grid, const float* query, float* numbers);

// How many components of a vector, as it is encoded, lie outside by more than a thirtieth of the range, with 4 bits by
// more than a fifth: there up to one in a hundred lies nearer to the edge by intent.
std::size_t count_outside(const Grid& grid, const float* vector);

}  // namespace nearfield
