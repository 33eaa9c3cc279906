#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings.h"
#include "nearfield/cpu.h"
#include "threads.h"

namespace nearfield::bindings {

void bind_simd(py::module_& module) {
  module.def("simd_available", &simd::available);
  module.def("simd_active", &simd::active);
  module.def("simd_force", &simd::force, py::arg("name"));
  module.def("hardware_threads", &hardware_threads);
}

}  // namespace nearfield::bindings
