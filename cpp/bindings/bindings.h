// What each binding file offers to module.cpp.
#pragma once

#include <pybind11/pybind11.h>

namespace nearfield::bindings {

namespace py = pybind11;

void bind_errors();
void bind_simd(py::module_& module);
void bind_codes(py::module_& module);
void bind_index(py::module_& module);

}  // namespace nearfield::bindings
