// numpy arrays as spans and back: with streams.h the only file that touches Python buffers.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

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

// As it is where it is plain, without asking numpy for a conversion that it does not need.
inline Array<float> plain_floats(const py::object& array) {
  if (py::isinstance<Array<float>>(array)) return py::reinterpret_borrow<Array<float>>(array);
  auto converted = Array<float>::ensure(array);
  if (!converted) throw py::error_already_set();
  return converted;
}

// A new array of one axis (rows = none) or two. By numpy's own function: pybind11's constructor makes lists of the
// shape and the strides on the way, which a single query would notice.
template <class T>
py::array_t<T> new_array(bool one_axis, std::size_t rows, std::size_t columns) {
  const auto& numpy = py::detail::npy_api::get();
  const Py_intptr_t shape[2] = {static_cast<Py_intptr_t>(one_axis ? columns : rows), static_cast<Py_intptr_t>(columns)};
  PyObject* array = numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, py::dtype::of<T>().release().ptr(),
                                                one_axis ? 1 : 2, shape, nullptr, nullptr, 0, nullptr);
  if (array == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::array_t<T>>(array);
}

template <class T>
py::array_t<T> array_of(std::span<const T> values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

}  // namespace nearfield::bindings
