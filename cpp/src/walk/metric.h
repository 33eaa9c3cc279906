// From a space and a storage to the walks that serve them, and from a user's vector to a query.
#pragma once

#include <cstddef>
#include <vector>

#include "codes/grid.h"
#include "codes/projection.h"
#include "nearfield/types.h"
#include "walk/view.h"

namespace nearfield {

// The level in use (cpu.h). Chosen once; an index keeps what it was made with.
const Level& active_level();

struct Metric {
  Metric(const IndexConfig& config, const Level& level);

  Space space;
  Storage storage;
  std::size_t dimensions;  // as the user gives them
  std::size_t padded;      // as kept
  const Level* level;
  const Walks* walks;           // of the stored vectors
  const Walks* code_walks;      // of their codes; null where there are none
  const Walks* number_walks;    // of their codes as numbers, with a query of floats; the same
  const Walks* product_walks;   // of signed 8-bit codes, for projecting
  const Walks* sketch_walks;    // of sketches
  std::uint32_t alpha_percent;  // of pruning, by space (walk/prune.h)

  // Write `vector` as a query: at unit length in cosine space, zeros behind the last dimension. `query` has room for
  // `padded` floats. encode_query wants it so; walks of the stored vectors after scale_query.
  void prepare(const float* vector, float* query) const;
  void scale_query(float* query) const;  // times 127 for Float8
  // A prepared query, as_encoded (codes/grid.h), as codes: query_code_bytes(grid.dimensions) and 4 more. Returns the
  // squared steps that it was held off by; 0 for inner products, where each query has a grid of its own.
  float encode_query(const Grid& grid, const float* query, unsigned char* codes) const;

  // Encode a user's vector into a stored row, at unit length in cosine space. `unit` has room for `padded` floats.
  void encode(const float* vector, float* unit, std::byte* row) const;
  // What a stored row holds, `padded` floats; may be the row itself, else `buffer`.
  const float* held(const std::byte* row, float* buffer) const;
  // The codes of a stored row; `vector` is what held() gives, as_encoded.
  void encode_codes(const Grid& grid, const float* vector, unsigned char* codes) const;
  // A vector, at unit length in cosine space, along the axes of a projection: kSketchAxes floats. `bytes` has room for
  // projection_bytes().
  void project(const Projection& projection, const float* vector, unsigned char* bytes, float* projected) const;
  std::size_t projection_bytes() const { return axis_bytes(padded) + sizeof(std::int32_t); }
  // What a stored row holds, `dimensions` floats.
  void decode(const std::byte* row, float* vector) const;
  // Distances of a prepared and scaled query to stored rows, sorted and returned to the user.
  void distances(const WalkView& vectors, const float* query, const Slot* slots, std::size_t n, float* out) const;

  // Throws NotFinite or InvalidInput, naming row, column and value, for the first of `rows` vectors that
  // holds NaN or infinity or, where they are to be stored, a value outside the storage's range.
  void check_storable(const float* vectors, std::size_t rows, const char* argument, std::size_t num_threads) const;
  void check_finite(const float* vectors, std::size_t rows, const char* argument) const;

 private:
  void normalize_into(const float* vector, float* unit) const;

  std::vector<float> zeros_;  // `padded`, the origin of queries for inner products of codes
};

}  // namespace nearfield
