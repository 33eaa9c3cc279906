#include "files/fault.h"

#include <cstring>

#include "codes/pairs.h"
#include "nearfield/error.h"

namespace nearfield {
namespace {

[[noreturn]] void throw_mismatch(const std::string& file, const char* argument, const std::string& held,
                                 const std::string& said) {
  throw FileMismatch(file + " holds " + argument + " " + held + ", but the caller asked for " + said + " (argument `" +
                     argument + "`); leave the argument out to take what the file says");
}

}  // namespace

std::string quoted_path(const std::string& path) { return "'" + path + "'"; }

void throw_corrupt(const std::string& file, std::uint64_t offset, const std::string& field, const std::string& found,
                   const std::string& expected) {
  throw CorruptIndexFile(field + " at offset " + std::to_string(offset) + " of " + file + " is " + found +
                             "; expected " + expected +
                             ". The file is damaged or incomplete: take it from a copy, or build it again",
                         offset, field);
}

void throw_not_accessible(const char* what, const std::string& file, int error_number) {
  throw FileNotAccessible(std::string(what) + " " + file + ": " + std::strerror(error_number), error_number);
}

void match(const LoadOptions& said, const std::string& file, const IndexConfig& held) {
  if (said.space != nullptr && *said.space != held.space) {
    throw_mismatch(file, "space", name_of(held.space), name_of(*said.space));
  }
  if (said.dimensions != nullptr && *said.dimensions != held.dimensions) {
    throw_mismatch(file, "num_dimensions", std::to_string(held.dimensions), std::to_string(*said.dimensions));
  }
  if (said.storage != nullptr && *said.storage != held.storage) {
    throw_mismatch(file, "storage_data_type", name_of(held.storage), name_of(*said.storage));
  }
}

}  // namespace nearfield
