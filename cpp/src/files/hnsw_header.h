// The 96 bytes at the start of a hnswlib file or a Voyager body (hnswlib.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "files/source.h"

namespace nearfield {

struct HnswHeader {
  std::uint64_t level0_offset;
  std::uint64_t max_elements;
  std::uint64_t count;
  std::uint64_t bytes_per_element;
  std::uint64_t label_offset;
  std::uint64_t data_offset;
  std::int32_t max_level;
  std::uint32_t entry_point;
  std::uint64_t maxM;
  std::uint64_t maxM0;
  std::uint64_t M;
  double mult;
  std::uint64_t ef_construction;
};
inline constexpr std::size_t kHnswHeaderBytes = 96;
static_assert(sizeof(HnswHeader) == kHnswHeaderBytes && std::is_trivially_copyable_v<HnswHeader>);

HnswHeader read_hnsw_header(const ByteSource& source, std::uint64_t offset);
// Everything that stands in brackets in the header's table of hnswlib.h; what follows it fits into the file.
void check_hnsw_header(const ByteSource& source, std::uint64_t offset, const HnswHeader& header);

}  // namespace nearfield
