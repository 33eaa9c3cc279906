// numpy arrays as spans and back: with streams.h the only file that touches Python buffers.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nearfield/error.h"
#include "nearfield/types.h"

namespace nearfield::bindings {

namespace py = pybind11;

// C-contiguous and of this dtype, read-only ones included; anything else is converted by numpy.
template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

// A vector (d) or vectors (n, d) of the index's width.
struct Vectors {
  const float* data;
  std::size_t rows;
  bool single;  // was one vector, not a batch
};

inline Vectors vectors_of(const Array<float>& array, std::size_t dimensions, const char* argument) {
  const auto axes = static_cast<std::size_t>(array.ndim());
  if (axes != 1 && axes != 2) {
    throw InvalidInput(std::string(argument) + " has " + std::to_string(axes) +
                       " axes; expected one vector (1 axis) or rows of vectors (2 axes)");
  }
  const auto width = static_cast<std::size_t>(array.shape(static_cast<py::ssize_t>(axes) - 1));
  if (width != dimensions) {
    throw DimensionMismatch(std::string(argument) + " has " + std::to_string(width) + " columns; this index stores " +
                            std::to_string(dimensions) + "-dimensional vectors (argument `" + argument + "`)");
  }
  return {array.data(), axes == 1 ? 1 : static_cast<std::size_t>(array.shape(0)), axes == 1};
}

template <class T>
py::array_t<T> array_of(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

}  // namespace nearfield::bindings
