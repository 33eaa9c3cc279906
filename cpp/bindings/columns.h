// Columns and filter expressions as Python hands them over.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "nearfield/columns.h"
#include "nearfield/filter.h"

namespace nearfield::bindings {

namespace py = pybind11;

// Borrows the arrays of a list, which has to live as long.
struct GivenColumns {
  explicit GivenColumns(const py::object& given);
  std::vector<ColumnValues> columns;
};

std::vector<FilterStep> steps_of(const py::object& given);
py::tuple tuple_of(const ColumnRead& read);

}  // namespace nearfield::bindings
