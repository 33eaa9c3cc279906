#include "column.h"

#include <algorithm>
#include <cstring>

namespace nearfield {

std::uint32_t Words::find(std::string_view word) const {
  const auto found = numbers_.find(word);
  return found == numbers_.end() ? kNone : found->second;
}

std::uint32_t Words::put(std::string_view word) {
  const std::uint32_t known = find(word);
  if (known != kNone) return known;
  const auto number = static_cast<std::uint32_t>(words_.size());
  words_.emplace_back(word);
  try {
    numbers_.emplace(words_.back(), number);
  } catch (...) {
    words_.pop_back();
    throw;
  }
  constexpr std::size_t kBeside = sizeof(std::string) + 48;  // of a node of the map, about
  bytes_ += word.size() + kBeside;
  return number;
}

Column* Columns::find(std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& column) { return column->name == name; });
  return found == all.end() ? nullptr : found->get();
}

const Column* Columns::find(std::string_view name) const { return const_cast<Columns*>(this)->find(name); }

std::size_t bytes_of(const Column& column) {
  std::size_t bytes = column.words.bytes() + column.sets.bytes();
  for (const auto& chunk : column.chunks) {
    bytes += sizeof chunk + (chunk ? sizeof(ColumnChunk) + chunk->values.size() : 0);
  }
  return bytes;
}

std::size_t bytes_of(const Columns& columns) {
  std::size_t bytes = 0;
  for (const auto& column : columns.all) bytes += bytes_of(*column);
  return bytes;
}

const char* name_of(ColumnType type) {
  constexpr const char* kNames[] = {"",        "bool",    "int8",      "int16",    "int32", "int64",
                                    "float32", "float64", "timestamp", "category", "tags"};
  return kNames[static_cast<std::size_t>(type)];
}

std::uint64_t bits_at(const ColumnChunk& chunk, std::size_t place) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, chunk.values.data() + place * chunk.width, chunk.width);
  return bits;
}

bool has_value(const ColumnChunk& chunk, std::size_t place) {
  return (chunk.present[place / 64] >> (place % 64) & 1) != 0;
}

}  // namespace nearfield
