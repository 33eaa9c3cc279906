// A fixed random rotation: lengths and distances stay, but what few dimensions vary in is spread over all. So no
// dimension needs a wider grid than the others.
#pragma once

#include <cstddef>

namespace nearfield {

// Rotate n floats in place, n a multiple of 16. Sign flips and Walsh-Hadamard transforms of the largest power of two
// that fits, over the front and over the back, three times. Only additions, subtractions and one product each, so the
// same bits on every machine. O(n log n).
void rotate(float* vector, std::size_t n);
// The same steps in the other order, each of which undoes itself: back, but for rounding.
void rotate_back(float* vector, std::size_t n);

}  // namespace nearfield
