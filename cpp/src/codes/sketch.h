// Sketches: a cache line for each row, by which a walk leaves out most rows without reading their codes.
//
// A vector of 784 pixels or of a language model varies in far fewer directions than it has dimensions. Its components
// along the 128 that hold most, with 4 bits each, give a distance that is too short by what the others hold: about the
// same share for all near rows. Times `factor` it says which rows cannot be near enough, wrongly for a few in a
// thousand. Rows that pass are compared by their codes as they would be without sketches.
#pragma once

#include <cstddef>

#include "codes/grid.h"
#include "codes/projection.h"

namespace nearfield {

struct Sketch {
  Projection projection;
  Grid grid;  // 4 bits, of the projected vectors
  // A row is left out where its key by sketches is above `factor` times the key by codes that would be near enough.
  float factor = 1;
  float share_passed = 1;  // of the rows that a walk meets, as measured when it was fitted

  bool operator==(const Sketch&) const = default;
};

inline constexpr std::size_t kSketchBytes = code_bytes(Codes::Int4, kSketchAxes);
inline constexpr std::size_t kSketchQueryBytes = query_code_bytes(kSketchAxes) + 4;
static_assert(kSketchBytes == 64, "one cache line");

}  // namespace nearfield
