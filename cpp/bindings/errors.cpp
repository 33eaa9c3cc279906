// The one translation of errors: each C++ type becomes its twin in nearfield.errors.
#include <pybind11/pybind11.h>

#include <exception>
#include <string>

#include "bindings.h"
#include "nearfield/error.h"

namespace nearfield::bindings {
namespace {

void raise(const char* kind, const std::string& message, const py::dict& details) {
  const py::object error = py::module_::import("nearfield.errors").attr("from_core")(kind, message, details);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
}

void translate(std::exception_ptr pointer) {
  using namespace py::literals;
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const DimensionMismatch& e) {
    raise("DimensionMismatch", e.what(), {});
  } catch (const NotFinite& e) {
    raise("NotFinite", e.what(), py::dict("row"_a = e.row));
  } catch (const IndexFull& e) {
    raise("IndexFull", e.what(), {});
  } catch (const DuplicateId& e) {
    raise("DuplicateId", e.what(), py::dict("id"_a = e.id, "row"_a = e.row, "in_index"_a = e.in_index));
  } catch (const InvalidInput& e) {
    raise("InvalidInput", e.what(), {});
  } catch (const UnknownId& e) {
    raise("UnknownId", e.what(), py::dict("id"_a = e.id));
  } catch (const NotAnIndexFile& e) {
    raise("NotAnIndexFile", e.what(), {});
  } catch (const UnsupportedVersion& e) {
    raise("UnsupportedVersion", e.what(), {});
  } catch (const CorruptIndexFile& e) {
    raise("CorruptIndexFile", e.what(), py::dict("offset"_a = e.offset, "field"_a = e.field));
  } catch (const FileMismatch& e) {
    raise("FileMismatch", e.what(), {});
  } catch (const IndexFileError& e) {
    raise("IndexFileError", e.what(), {});
  } catch (const FileNotAccessible& e) {
    raise("FileNotAccessible", e.what(), py::dict("errno"_a = e.error_code));
  }
}

}  // namespace

void bind_errors() { py::register_exception_translator(&translate); }

}  // namespace nearfield::bindings
