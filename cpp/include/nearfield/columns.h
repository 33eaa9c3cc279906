// Attributes of rows: typed columns, one value or none for each row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nearfield/types.h"

namespace nearfield {

// The numbers are those of the file format.
enum class ColumnType : std::uint8_t {
  Bool = 1,  // one byte, 0 or 1
  Int8 = 2,
  Int16 = 3,
  Int32 = 4,
  Int64 = 5,
  Float32 = 6,
  Float64 = 7,
  Timestamp = 8,  // microseconds since 1970-01-01 00:00 UTC, 64 bits
  Category = 9,   // one of some words
  Tags = 10,      // any number of some words
};

// Bytes of a value where it is handed in or out; of Category and Tags places in `words`, 32 bits.
constexpr std::size_t value_bytes(ColumnType type) {
  switch (type) {
    case ColumnType::Bool:
    case ColumnType::Int8:
      return 1;
    case ColumnType::Int16:
      return 2;
    case ColumnType::Int32:
    case ColumnType::Float32:
    case ColumnType::Category:
    case ColumnType::Tags:
      return 4;
    default:
      return 8;
  }
}

// Values of one column for some rows, borrowed for the length of a call.
struct ColumnValues {
  std::string name;
  ColumnType type = ColumnType::Int64;
  const void* values = nullptr;             // per row; Category: its place in `words`. Of Tags: of all rows' tags,
                                            // one row after the other
  const std::uint8_t* present = nullptr;    // per row: 0 where it has no value. Null: all have one
  const std::uint64_t* tag_ends = nullptr;  // Tags: those of row r are values[tag_ends[r]] ... values[tag_ends[r + 1]]
  std::vector<std::string> words;           // of Category and Tags, each once
};

// The same, handed out.
struct ColumnRead {
  ColumnType type = ColumnType::Int64;
  std::vector<std::byte> values;
  std::vector<std::uint8_t> present;
  std::vector<std::uint64_t> tag_ends;
  std::vector<std::string> words;
};

struct ColumnInfo {
  std::string name;
  ColumnType type = ColumnType::Int64;
  std::size_t num_words = 0;  // of Category and Tags: that were ever given
  std::size_t bytes = 0;      // in memory
};

}  // namespace nearfield
