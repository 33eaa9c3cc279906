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
  bool fill;               // free places of a link row take pruned candidates (prune.h)

  // Write `vector` as a query: at unit length in cosine space, times 127 for Float8, zeros behind the last
  // dimension. `query` has room for `padded` floats.
  void prepare(const float* vector, float* query) const;

  // Encode a user's vector into a stored row, at unit length in cosine space. `unit` has room for `padded` floats.
  void encode(const float* vector, float* unit, std::byte* row) const;
  // What a stored row holds, `dimensions` floats.
  void decode(const std::byte* row, float* vector) const;
  // A stored row as a query; may point into the row itself. `buffer` has room for `padded` floats.
  const float* query_of(const std::byte* row, float* buffer) const;

  // Position of the first dimension that cannot be stored: not finite, or outside the storage's range;
  // `dimensions` when all can.
  std::size_t first_unstorable(const float* vector) const;

 private:
  void normalize_into(const float* vector, float* unit) const;
};

}  // namespace nearfield
