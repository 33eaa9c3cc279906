// Bytes of .nf files that are changed and whose checksums are then set right again, and files of them.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "files/format.h"
#include "hash.h"
#include "nearfield/error.h"
#include "nearfield/index.h"

namespace nearfield::test {

using Bytes = std::vector<std::byte>;

template <class Number>
void store(Bytes& bytes, std::size_t offset, Number value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

// Set every checksum right where the sections of the good file stand.
inline void seal(Bytes& bytes, const format::Header& header, const std::vector<format::Section>& sections) {
  for (std::size_t s = 0; s < sections.size(); ++s) {
    const format::Section& section = sections[s];
    const std::uint64_t blocks = format::num_blocks(section.bytes);
    for (std::uint64_t b = 0; b < blocks; ++b) {
      const std::uint64_t begin = b * format::kBlockBytes;
      const std::uint64_t length = std::min<std::uint64_t>(format::kBlockBytes, section.bytes - begin);
      store(bytes, section.sums_offset + 8 * b, xxh64(bytes.data() + section.offset + begin, length));
    }
    store(bytes, header.table_offset + s * sizeof section + offsetof(format::Section, sums_sum),
          xxh64(bytes.data() + section.sums_offset, 8 * blocks));
  }
}

inline void seal_table(Bytes& bytes, const format::Header& header, std::size_t num_sections) {
  const std::size_t table = num_sections * sizeof(format::Section);
  store(bytes, header.table_offset + table, xxh64(bytes.data() + header.table_offset, table));
  store(bytes, offsetof(format::Header, header_sum), xxh64(bytes.data(), offsetof(format::Header, header_sum)));
}

inline format::Header header_of(const Bytes& bytes) {
  format::Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

inline std::vector<format::Section> sections_of(const Bytes& bytes) {
  const format::Header header = header_of(bytes);
  std::vector<format::Section> sections(header.section_count);
  std::memcpy(sections.data(), bytes.data() + header.table_offset, sections.size() * sizeof(format::Section));
  return sections;
}

// Set every checksum right, where the sections are left where they stood.
inline void seal(Bytes& bytes) {
  const format::Header header = header_of(bytes);
  const std::vector<format::Section> sections = sections_of(bytes);
  seal(bytes, header, sections);
  seal_table(bytes, header, sections.size());
}

inline format::Section section_of(const Bytes& bytes, format::Kind kind) {
  const std::vector<format::Section> sections = sections_of(bytes);
  return *std::find_if(sections.begin(), sections.end(), [kind](const format::Section& section) {
    return section.kind == static_cast<std::uint32_t>(kind);
  });
}

// The field for which loading refuses a file, or nothing.
template <class Load>
std::string refused_field(const Load& load) {
  try {
    load();
    return "";
  } catch (const CorruptIndexFile& error) {
    return error.field;
  }
}

inline std::string refused_field(const Bytes& bytes) {
  return refused_field([&bytes] { Index::load(bytes, {}); });
}

// A path that no other process uses, without a file in the end.
struct TemporaryPath {
  explicit TemporaryPath(const char* name) : path("/tmp/nearfield-" + std::to_string(getpid()) + "-" + name + ".nf") {}
  ~TemporaryPath() { std::remove(path.c_str()); }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;

  void write(std::span<const std::byte> bytes) const {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }

  const std::string path;
};

}  // namespace nearfield::test
