// From a space and a storage to the walks that serve them, and from a user's vector to a query.
#pragma once

#include <cstddef>

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
  const Walks* walks;
  PruneRule prune_rule;  // by space

  // Write `vector` as a query: at unit length in cosine space, times 127 for Float8, zeros behind the last
  // dimension. `query` has room for `padded` floats.
  void prepare(const float* vector, float* query) const;

  // Encode a user's vector into a stored row, at unit length in cosine space. `unit` has room for `padded` floats.
  void encode(const float* vector, float* unit, std::byte* row) const;
  // What a stored row holds, `dimensions` floats.
  void decode(const std::byte* row, float* vector) const;
  // A stored row as a query; may point into the row itself. `buffer` has room for `padded` floats.
  const float* query_of(const std::byte* row, float* buffer) const;

  // Throws NotFinite or InvalidInput, naming row, column and value, for the first of `rows` vectors that
  // holds NaN or infinity or, where they are to be stored, a value outside the storage's range.
  void check_storable(const float* vectors, std::size_t rows, const char* argument, std::size_t num_threads) const;
  void check_finite(const float* vectors, std::size_t rows, const char* argument) const;

 private:
  void normalize_into(const float* vector, float* unit) const;
};

}  // namespace nearfield
