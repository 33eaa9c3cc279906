// The directions in which vectors vary most (principal components), found from the data: what sketches are made of
// (codes/sketch.h).
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace nearfield {

inline constexpr std::size_t kSketchAxes = 128;  // codes of 4 bits in a cache line

// A vector is projected as bytes: (vector - center), on a scale of its own, times the axes (Metric::project).
struct Projection {
  std::vector<float> center;      // padded as vectors are
  std::vector<signed char> axes;  // kSketchAxes rows of axis_bytes, in units of axis_step; 0 behind the last dimension
  float axis_step = 0;            // above 0

  std::size_t axis_bytes() const { return axes.size() / kSketchAxes; }
  bool operator==(const Projection&) const = default;
};

// Bytes of an axis: whole cache lines.
constexpr std::size_t axis_bytes(std::size_t dimensions) { return (dimensions + 63) / 64 * 64; }

// The vectors that a projection is fitted to. One thread at a time asks for a row.
struct ProjectionSample {
  std::size_t rows;        // a multiple of 16, more than kSketchAxes
  std::size_t dimensions;  // of them
  std::size_t padded;      // as row(i) gives them
  std::function<const float*(std::size_t)> row;
  float (*dot)(const float* a, const float* b, std::size_t n);  // FloatTable::dot
  std::size_t num_threads;
};

// Nothing where the numbers are too large or too small, or all rows are alike. Depends on the rows and their order
// alone. O(dimensions^2 (rows + axes)).
std::optional<Projection> fit_projection(const ProjectionSample& sample);

}  // namespace nearfield
