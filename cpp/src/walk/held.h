// What an index holds of a slot: the stored vector, or where it has codes alone what they stand for. And the
// comparisons of an index of codes alone, which decodes rows as it goes.
#pragma once

#include "state.h"
#include "walk/metric.h"
#include "walk/reading.h"
#include "walk/scratch.h"

namespace nearfield {

// Whether rows of codes alone are compared as they were encoded, rotated. Else in the coordinates of the user: a
// rotated row of a width that is no multiple of 16 holds a little behind its last dimension, which is not to count.
inline bool is_compared_rotated(const Metric& metric, const Grid& grid) {
  return grid.rotated && metric.padded == metric.dimensions;
}

// What a row of codes stands for, `padded` floats, rotated where the grid says so and not brought to unit length. False
// where it is the row of a zero vector.
bool decode_encoded(const Metric& metric, const Grid& grid, const unsigned char* codes, float* vector);

// What a row of codes stands for, `padded` floats, as they are compared; at unit length in cosine space.
void decode_codes(const Metric& metric, const Grid& grid, const unsigned char* codes, float* vector);

// What is held of a slot, `padded` floats in the coordinates of the user. `codes` are looked at where there is nothing
// else.
void held_vector(const State& state, const Metric& metric, const CodePlane* codes, Slot slot, float* vector);

// Keys of a prepared query, rotated where rows are compared so, to what is held of n slots.
void decoded_keys(const Metric& metric, const Reading& reading, Scratch& scratch, const Slot* slots, std::size_t n,
                  std::uint32_t* keys);
// The `wanted` nearest of all slots that may be returned; as Walks::scan, of which it takes the place.
WalkResult scan_decoded(const Metric& metric, const Reading& reading, const SlotFilter* filter, std::size_t wanted,
                        Scratch& scratch);

}  // namespace nearfield
