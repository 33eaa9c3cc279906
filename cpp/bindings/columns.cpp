// _core.Index: columns in and out, and the steps of filter expressions. nearfield.columns says what the parts are.
#include "columns.h"

#include <pybind11/stl.h>

#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "arrays.h"

namespace nearfield::bindings {
namespace {

// Of any dtype, as bytes that lie in sequence: nearfield.columns has checked what they are.
const void* data_of(const py::handle& array) { return py::reinterpret_borrow<py::array>(array).data(); }

}  // namespace

// (name, type, values, present or None, tag ends or None, words)
GivenColumns::GivenColumns(const py::object& given) {
  if (given.is_none()) return;
  for (const py::handle one : given) {
    const auto parts = one.cast<py::tuple>();
    ColumnValues column;
    column.name = parts[0].cast<std::string>();
    column.type = static_cast<ColumnType>(parts[1].cast<int>());
    column.values = data_of(parts[2]);
    if (!parts[3].is_none()) column.present = static_cast<const std::uint8_t*>(data_of(parts[3]));
    if (!parts[4].is_none()) column.tag_ends = static_cast<const std::uint64_t*>(data_of(parts[4]));
    column.words = parts[5].cast<std::vector<std::string>>();
    columns.push_back(std::move(column));
  }
}

std::vector<FilterStep> steps_of(const py::object& given) {
  std::vector<FilterStep> steps;
  for (const py::handle one : given) {
    const auto parts = one.cast<py::tuple>();  // (kind, column, what it is compared with)
    FilterStep step;
    step.kind = static_cast<FilterStep::Kind>(parts[0].cast<int>());
    step.column = parts[1].cast<std::string>();
    switch (step.kind) {
      case FilterStep::Kind::Ints:
        step.ranges = parts[2].cast<decltype(step.ranges)>();
        break;
      case FilterStep::Kind::Floats:
        step.float_ranges = parts[2].cast<decltype(step.float_ranges)>();
        break;
      case FilterStep::Kind::IdRange:
        step.id_ranges = parts[2].cast<decltype(step.id_ranges)>();
        break;
      case FilterStep::Kind::Words:
      case FilterStep::Kind::AnyTag:
      case FilterStep::Kind::AllTags:
        step.words = parts[2].cast<std::vector<std::string>>();
        break;
      case FilterStep::Kind::Ids: {
        const auto ids = parts[2].cast<Array<Id>>();
        step.ids.assign(ids.data(), ids.data() + ids.size());
        break;
      }
      case FilterStep::Kind::And:
      case FilterStep::Kind::Or:
        step.operands = parts[2].cast<std::size_t>();
        break;
      default:
        break;
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

py::tuple tuple_of(const ColumnRead& read) {
  py::object ends = py::none();
  if (read.type == ColumnType::Tags) ends = array_of<std::uint64_t>(read.tag_ends);
  return py::make_tuple(static_cast<int>(read.type),
                        py::bytes(reinterpret_cast<const char*>(read.values.data()), read.values.size()),
                        array_of<std::uint8_t>(read.present), ends, read.words);
}

}  // namespace nearfield::bindings
