// Whether sketches serve an index, and which (codes/sketch.h).
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "codes/sketch.h"
#include "walk/metric.h"

namespace nearfield {

inline constexpr std::size_t kRowsForSketch = 4096;  // an index of fewer is walked without

// Whether codes have rows of so many cache lines that leaving out most of them may be worth it.
bool may_sketch(const IndexConfig& config);

// Vectors as a metric holds them. `row` writes to `buffer` (`padded` floats) or gives an address of its own.
struct HeldRows {
  std::size_t rows;
  std::function<const float*(std::size_t slot, float* buffer)> row;
};

// The sketch for codes on `grid`: the present one where it still serves these rows, else one that is fitted to them, or
// nothing where too many rows would pass. Some rows are looked at, evenly spread. Depends on their order alone.
std::optional<Sketch> choose_sketch(const Metric& metric, const Grid& grid, const Sketch* present, const HeldRows& held,
                                    std::size_t num_threads);

// The sketch of a vector that is held. `bytes` has room for Metric::projection_bytes().
void write_sketch(const Metric& metric, const Sketch& sketch, const float* vector, unsigned char* bytes,
                  unsigned char* row);

}  // namespace nearfield
