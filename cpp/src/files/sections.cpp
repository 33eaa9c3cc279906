#include "files/sections.h"

#include <algorithm>

#include "files/fault.h"

namespace nearfield {

const char* name_of(const format::Section& section) {
  const char* name = format::name_of(section.kind);
  return name != nullptr ? name : "section";
}

void check_sums(const ByteSource& source, const format::Section& section, BlockSums& found,
                const std::vector<std::uint64_t>& sums) {
  const std::vector<std::uint64_t> found_sums = found.finish();
  const auto wrong = std::mismatch(found_sums.begin(), found_sums.end(), sums.begin(), sums.end()).first;
  if (wrong == found_sums.end()) return;
  const auto block = static_cast<std::uint64_t>(wrong - found_sums.begin());
  throw_corrupt(source.name(), section.offset + block * format::kBlockBytes, name_of(section),
                "a block whose checksum is wrong", "the bytes that were written");
}

std::vector<std::byte> read_bytes(const ByteSource& source, const format::Section& section,
                                  const std::vector<std::uint64_t>& sums) {
  std::vector<std::byte> bytes(section.bytes);  // inside the file: read_table has compared
  source.read(section.offset, bytes.data(), bytes.size(), name_of(section));
  BlockSums found;
  found.feed(bytes.data(), bytes.size());
  check_sums(source, section, found, sums);
  return bytes;
}

}  // namespace nearfield
