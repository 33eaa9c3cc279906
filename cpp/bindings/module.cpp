#include <pybind11/pybind11.h>

#include "bindings.h"

PYBIND11_MODULE(_core, module) {
  module.attr("version") = NEARFIELD_VERSION;
  nearfield::bindings::bind_errors();
  nearfield::bindings::bind_simd(module);
  nearfield::bindings::bind_codes(module);
  nearfield::bindings::bind_index(module);
}
