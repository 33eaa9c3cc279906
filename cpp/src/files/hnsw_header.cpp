#include "files/hnsw_header.h"

#include <bit>
#include <cmath>
#include <limits>

#include "files/fault.h"
#include "graph/graph.h"
#include "nearfield/types.h"

namespace nearfield {

HnswHeader read_hnsw_header(const ByteSource& source, std::uint64_t offset) {
  HnswHeader header;
  source.read(offset, &header, sizeof header, "header");
  return header;
}

void check_hnsw_header(const ByteSource& source, std::uint64_t offset, const HnswHeader& h) {
  const std::string& file = source.name();
  constexpr std::uint64_t kLargestElement = std::uint64_t{1} << 32;  // no sum or product below can overflow
  require(h.level0_offset == 0, file, offset, "level0_offset", h.level0_offset, "0");
  require(h.max_elements >= h.count, file, offset + 8, "max_elements", h.max_elements, "at least count");
  require(h.M >= 2 && h.M <= kMaxM, file, offset + 72, "M", h.M, "2 to 4096");
  require(h.maxM == h.M, file, offset + 56, "maxM", h.maxM, "M");
  require(h.maxM0 == 2 * h.M, file, offset + 64, "maxM0", h.maxM0, "2 * M");
  require(h.data_offset == 4 + 4 * h.maxM0, file, offset + 40, "data_offset", h.data_offset, "4 + 4 * maxM0");
  require(h.label_offset > h.data_offset && h.label_offset < kLargestElement, file, offset + 32, "label_offset",
          h.label_offset, "behind data_offset, below 2^32");
  require(h.bytes_per_element == h.label_offset + 8, file, offset + 24, "bytes_per_element", h.bytes_per_element,
          "label_offset + 8");
  const std::uint64_t rest = source.bytes() - offset - kHnswHeaderBytes;
  require(h.count <= kMaxSlots && h.count <= rest / (h.bytes_per_element + 4), file, offset + 16, "count", h.count,
          "as many rows as fit into the file");
  const bool empty = h.count == 0;
  require(empty ? h.max_level == -1 : h.max_level >= 0 && h.max_level <= kMaxLevel, file, offset + 48, "max_level",
          static_cast<std::uint32_t>(h.max_level), "0 to 40, or -1 in an empty file");
  require(empty ? h.entry_point == kNoSlot : h.entry_point < h.count, file, offset + 52, "entry_point", h.entry_point,
          "a row below count, or 4294967295 in an empty file");
  const double mult = 1.0 / std::log(static_cast<double>(h.M));
  require(std::fabs(h.mult - mult) <= 1e-6 * mult, file, offset + 80, "mult", std::bit_cast<std::uint64_t>(h.mult),
          "the bits of 1 / ln M");
  require(h.ef_construction <= std::numeric_limits<std::uint32_t>::max(), file, offset + 88, "ef_construction",
          h.ef_construction, "below 2^32");
}

}  // namespace nearfield
