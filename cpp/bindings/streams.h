// Bytes in and out of Python: buffers to read a file from, callables to write one to.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <span>
#include <string>

#include "nearfield/index.h"

namespace nearfield::bindings {

inline std::span<const std::byte> bytes_of(const pybind11::buffer_info& info) {
  return {static_cast<const std::byte*>(info.ptr), static_cast<std::size_t>(info.size * info.itemsize)};
}

// Hand the bytes to a Python callable. Takes the GIL for each piece.
inline ByteSink sink_of(const pybind11::object& write) {
  return [&write](const std::byte* data, std::size_t bytes) {
    const pybind11::gil_scoped_acquire gil;
    write(pybind11::memoryview::from_memory(data, static_cast<pybind11::ssize_t>(bytes)));
  };
}

}  // namespace nearfield::bindings
