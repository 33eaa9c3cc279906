// What the planes of a file must hold, whichever format they came in: run on every file that is read whole, and
// on a mapped one before it is written to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "nearfield/types.h"
#include "state.h"

namespace nearfield {

// Where the planes stand in the file, for messages.
struct Places {
  std::string file;
  struct Plane {
    std::uint64_t offset = 0;  // of row 0
    std::uint64_t stride = 0;  // to the next row; 0 where rows are not one behind the other
  };
  Plane vectors, links, ids, upper_of, levels, flags;
  Plane codes{}, numbers{};
};

// Throws CorruptIndexFile unless: levels fit the entry point and the upper rows, flags are known and as
// many as counted, numbers differ, ids are no kNoId and those of rows differ, vectors are
// numbers (finite, not NaN) and 0 behind their last dimension, codes are values of their grid, and validate(graph)
// finds nothing. O(rows), and 8 bytes a row of memory where ids are not ascending.
void check_content(const State& state, const Places& places);

}  // namespace nearfield
