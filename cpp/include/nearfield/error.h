// The errors of the core. Each has its twin of the same name in python/nearfield/errors.py, where the
// tree is drawn; bindings/errors.cpp maps one to one and is the only translation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace nearfield {

// what() says what was given, what was expected, which argument or file, and what to do.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct InvalidInput : Error {  // an argument that cannot be used
  using Error::Error;
};
struct DimensionMismatch : InvalidInput {
  using InvalidInput::InvalidInput;
};
struct NotFinite : InvalidInput {  // NaN or infinity; `row` is the first bad one
  NotFinite(const std::string& message, std::size_t bad_row) : InvalidInput(message), row(bad_row) {}
  std::size_t row;
};
struct IndexFull : InvalidInput {  // more than kMaxSlots rows
  using InvalidInput::InvalidInput;
};

struct DuplicateId : InvalidInput {  // an id that may stand only once
  DuplicateId(const std::string& message, std::uint64_t repeated, std::size_t of, bool held)
      : InvalidInput(message), id(repeated), row(of), in_index(held) {}
  std::uint64_t id;
  std::size_t row;  // the first that is refused, of those that were given
  bool in_index;    // before the call; else the id stands in a row before it as well
};

struct UnknownId : Error {
  UnknownId(const std::string& message, std::uint64_t unknown) : Error(message), id(unknown) {}
  std::uint64_t id;
};

struct IndexFileError : Error {
  using Error::Error;
};
struct NotAnIndexFile : IndexFileError {  // none of the formats that we know
  using IndexFileError::IndexFileError;
};
struct UnsupportedVersion : IndexFileError {  // ours, but newer than this reader
  using IndexFileError::IndexFileError;
};
struct CorruptIndexFile : IndexFileError {  // damaged or hostile
  CorruptIndexFile(const std::string& message, std::uint64_t where, const std::string& what_field)
      : IndexFileError(message), offset(where), field(what_field) {}
  std::uint64_t offset;  // bytes from the start of the file
  std::string field;     // name in the byte table of the format
};
struct FileMismatch : IndexFileError {  // a good file that is not what the caller asked for
  using IndexFileError::IndexFileError;
};

struct FileNotAccessible : Error {  // missing, not permitted, disk full: also an OSError in Python
  FileNotAccessible(const std::string& message, int error_number) : Error(message), error_code(error_number) {}
  int error_code;  // errno
};

}  // namespace nearfield
