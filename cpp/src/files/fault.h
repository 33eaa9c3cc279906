// How a reader refuses: every message names the file, the place, what stands there, what was expected and
// what to do.
#pragma once

#include <cstdint>
#include <string>

#include "nearfield/index.h"

namespace nearfield {

// The file's name as messages give it; the second for files that are given as bytes.
std::string quoted_path(const std::string& path);
inline constexpr const char* kBytesName = "the given bytes";

// "<field> at offset <offset> of <file> is <found>; expected <expected>." and what to do.
[[noreturn]] void throw_corrupt(const std::string& file, std::uint64_t offset, const std::string& field,
                                const std::string& found, const std::string& expected);

// The same unless `good`.
inline void require(bool good, const std::string& file, std::uint64_t offset, const char* field, std::uint64_t found,
                    const char* expected) {
  if (!good) [[unlikely]]
    throw_corrupt(file, offset, field, std::to_string(found), expected);
}

// FileNotAccessible with the words of errno: "<what> <file>: <reason>".
[[noreturn]] void throw_not_accessible(const char* what, const std::string& file, int error_number);

// Throws FileMismatch where the caller said something else about the file than it says itself.
void match(const LoadOptions& said, const std::string& file, const IndexConfig& held);

}  // namespace nearfield
