#include "files/table.h"

#include <array>
#include <cstddef>
#include <limits>
#include <string>

#include "codes/codes.h"
#include "files/fault.h"
#include "graph/graph.h"
#include "hash.h"
#include "nearfield/error.h"
#include "state.h"

namespace nearfield {
namespace {

using format::Header;
using format::Kind;
using format::Section;

[[noreturn]] void throw_unsupported(const std::string& file, const std::string& what) {
  throw UnsupportedVersion(file + " " + what + ", which this version of nearfield does not know; upgrade nearfield");
}

Header read_header(const ByteSource& source) {
  const std::string& file = source.name();
  Header header;
  source.read(0, &header, offsetof(Header, file_bytes), "header");  // enough to know whether to go on
  require(header.endian_tag == format::kEndianTag, file, 20, "endian_tag", header.endian_tag, "16909060");
  if (header.reader_version > format::kVersion) {
    throw_unsupported(file, "has format version " + std::to_string(header.format_version) +
                                " and asks for a reader of " + std::to_string(header.reader_version));
  }
  require(header.header_bytes == sizeof(Header), file, 16, "header_bytes", header.header_bytes, "4096");
  source.read(0, &header, sizeof header, "header");
  require(header.file_bytes == source.bytes(), file, 24, "file_bytes", header.file_bytes,
          ("the file's length, " + std::to_string(source.bytes())).c_str());
  require(header.header_sum == xxh64(&header, offsetof(Header, header_sum)), file, offsetof(Header, header_sum),
          "header_sum", header.header_sum, "the checksum of the header");
  if ((header.features & ~format::kKnownFeatures) != 0) {
    throw_unsupported(file, "has feature bits " + std::to_string(header.features));
  }
  return header;
}

// Each field against its legal values, and against the others.
IndexConfig check_header(const std::string& file, const Header& h) {
  require(h.format_version >= h.reader_version && h.reader_version >= 1, file, 8, "format_version", h.format_version,
          "1 or more, and no less than reader_version");
  require(h.block_bytes == format::kBlockBytes, file, 52, "block_bytes", h.block_bytes, "65536");
  require(h.space <= 2, file, 56, "space", h.space, "0, 1 or 2");
  require(h.storage >= 16 && h.storage <= 80 && h.storage % 16 == 0, file, 57, "storage", h.storage,
          "16, 32, 48, 64 or 80");
  require((h.features & ~(format::kOriginOfProducts | format::kReusedSlots)) == format::features_of(h.storage), file,
          32, "features", h.features, "bit 0 where the storage is 64 or more, and only there");
  require((h.features & format::kOriginOfProducts) == 0 || h.space == 1, file, 32, "features", h.features,
          "bit 1 only with inner products");
  require(h.zero == 0, file, 58, "zero", h.zero, "0");
  require(h.dimensions >= 1 && h.dimensions <= kMaxDimensions, file, 60, "dimensions", h.dimensions, "1 to 1048576");
  require(h.M >= 2 && h.M <= kMaxM, file, 64, "M", h.M, "2 to 4096");
  require(h.ef_construction >= h.M, file, 68, "ef_construction", h.ef_construction, "at least M");
  require(h.count <= kMaxSlots, file, 80, "count", h.count, "at most 2147483648");
  require(h.num_marked <= h.count, file, 88, "num_marked", h.num_marked, "at most count");
  require(h.num_superseded <= h.count - h.num_marked, file, 96, "num_superseded", h.num_superseded,
          "at most count - num_marked");
  require(h.upper_rows <= kMaxSlots && h.upper_rows <= h.count * kMaxLevel, file, 104, "upper_rows", h.upper_rows,
          "at most 40 a slot");
  require(h.num_free <= (h.reuses_slots() ? h.count - h.num_marked - h.num_superseded : 0), file, 136, "num_free",
          h.num_free, "at most count - num_marked - num_superseded; 0 without feature bit 2");
  require(h.reuses_slots() ? h.published >= h.count && h.published < std::uint64_t{1} << 63 : h.published == 0, file,
          144, "published", h.published, "at least count; 0 without feature bit 2");
  require(h.repair_end <= (h.reuses_slots() ? h.count : 0), file, 160, "repair_end", h.repair_end,
          "at most count; 0 without feature bit 2");
  require(h.repair_next <= h.repair_end, file, 152, "repair_next", h.repair_next, "at most repair_end");
  const bool empty = h.num_free == h.count;
  require(empty ? h.entry_slot == kNoSlot : h.entry_slot < h.count, file, 112, "entry_slot", h.entry_slot,
          "a slot below count, or 4294967295 where none holds a row");
  const bool level_is_good = empty ? h.entry_level == -1 : h.entry_level >= 0 && h.entry_level <= kMaxLevel;
  require(level_is_good && (empty || h.upper_rows >= static_cast<std::uint64_t>(h.entry_level)), file, 116,
          "entry_level", static_cast<std::uint32_t>(h.entry_level),
          "0 to 40 with as many upper rows, or -1 where no slot holds a row");
  require(h.unswept <= h.count, file, 128, "unswept", h.unswept, "at most count");
  for (std::size_t i = 0; i < h.zeros.size(); ++i) {
    require(h.zeros[i] == 0, file, offsetof(Header, zeros) + i, "zero", h.zeros[i], "0");
  }
  IndexConfig config;
  config.space = static_cast<Space>(h.space);
  config.storage = static_cast<Storage>(h.storage);
  config.dimensions = h.dimensions;
  config.M = h.M;
  config.ef_construction = h.ef_construction;
  config.seed = h.seed;
  config.codes = Codes::None;  // unless a grid says otherwise
  return config;
}

struct Shape {
  std::uint64_t rows, row_bytes;
};

// What the header implies for the planes, in the order of format.h.
std::array<Shape, format::kNumPlanes> shapes_of(const Header& h, const IndexConfig& config) {
  const std::uint64_t link_bytes = std::uint64_t{h.M} * sizeof(Slot);
  const std::uint64_t kept =
      keeps_all_vectors(config.storage, h.count) ? h.count : h.rows_ever_added() - first_recent(h.rows_ever_added());
  return {{{kept, padded_dimensions(config.dimensions) * element_bytes(config.storage)},
           {h.count, 2 * link_bytes},
           {h.upper_rows, link_bytes},
           {h.count, sizeof(Id)},
           {h.count, sizeof(Slot)},
           {h.count, 1},
           {h.count, 1}}};
}

void check_kind(const std::string& file, const Section& section, std::size_t number, std::uint64_t at) {
  require(section.flags <= format::kRequired, file, at + 4, "section.flags", section.flags, "0 or 1");
  if (number < format::kNumPlanes) {
    require(section.kind == number + 1, file, at, "section.kind", section.kind, std::to_string(number + 1).c_str());
    return;
  }
  require(section.kind > format::kNumPlanes, file, at, "section.kind", section.kind,
          "a kind that is not there already");
  if (format::name_of(section.kind) == nullptr && (section.flags & format::kRequired) != 0) {
    throw_unsupported(file, "has a required section of kind " + std::to_string(section.kind));
  }
}

// Checks where the sections and their sums stand; `at` is the place of the section's entry in the file.
void check_sections(const std::string& file, const Table& table, std::uint64_t sums_begin) {
  const Header& header = table.header;
  const auto shapes = shapes_of(header, table.config);
  std::uint64_t end = sizeof(Header), bytes_before = 0, sums_offset = sums_begin;
  for (std::size_t i = 0; i < table.sections.size(); ++i) {
    const Section& s = table.sections[i];
    const std::uint64_t at = header.table_offset + i * sizeof(Section);
    check_kind(file, s, i, at);
    require(s.offset == format::place_after(end, bytes_before, s.bytes) && s.offset <= header.table_offset, file,
            at + 8, "section.offset", s.offset, "the next aligned place");
    require(s.bytes <= header.table_offset - s.offset, file, at + 16, "section.bytes", s.bytes,
            "bytes that end before the section table");
    if (i < shapes.size()) {
      require(s.row_bytes == shapes[i].row_bytes, file, at + 24, "section.row_bytes", s.row_bytes,
              std::to_string(shapes[i].row_bytes).c_str());
      require(s.rows == shapes[i].rows, file, at + 32, "section.rows", s.rows, std::to_string(shapes[i].rows).c_str());
    }
    std::uint64_t product = 0;
    require(!__builtin_mul_overflow(s.rows, s.row_bytes, &product) && product == s.bytes, file, at + 16,
            "section.bytes", s.bytes, "rows * row_bytes");
    const std::uint64_t sums_bytes = format::num_blocks(s.bytes) * sizeof(std::uint64_t);
    require(s.sums_offset == sums_offset && sums_bytes <= header.file_bytes - sums_offset, file, at + 40,
            "section.sums_offset", s.sums_offset, "the end of the sums before, with room for its own");
    require(s.zero == 0, file, at + 56, "section.zero", s.zero, "0");
    end = s.offset + s.bytes;
    bytes_before = s.bytes;
    sums_offset += sums_bytes;
  }
  require(header.table_offset == format::place_after(end, bytes_before, 0), file, 40, "table_offset",
          header.table_offset, "the next aligned place behind the sections");
  require(sums_offset == header.file_bytes, file, 24, "file_bytes", header.file_bytes, "the end of the block sums");
}

}  // namespace

Table read_table(const ByteSource& source) {
  const std::string& file = source.name();
  Table table;
  table.header = read_header(source);
  const Header& header = table.header;
  table.config = check_header(file, header);

  // 32-bit count times 64 cannot overflow, and is compared with the file before it is allocated.
  const std::uint64_t table_bytes = std::uint64_t{header.section_count} * sizeof(Section);
  require(header.section_count >= format::kNumPlanes, file, 48, "section_count", header.section_count, "at least 7");
  require(
      header.table_offset >= sizeof(Header) && source.holds(header.table_offset, table_bytes + sizeof(std::uint64_t)),
      file, 40, "table_offset", header.table_offset, "a place inside the file with room for the section table");
  table.sections.resize(header.section_count);
  source.read(header.table_offset, table.sections.data(), table_bytes, "section table");
  std::uint64_t table_sum = 0;
  source.read(header.table_offset + table_bytes, &table_sum, sizeof table_sum, "table_sum");
  require(table_sum == xxh64(table.sections.data(), table_bytes), file, header.table_offset + table_bytes, "table_sum",
          table_sum, "the checksum of the section table");
  check_sections(file, table, header.table_offset + table_bytes + sizeof table_sum);

  for (const Section& section : table.sections) {
    std::vector<std::uint64_t> sums(format::num_blocks(section.bytes));
    source.read(section.sums_offset, sums.data(), sums.size() * sizeof(std::uint64_t), "block sums");
    require(section.sums_sum == xxh64(sums.data(), sums.size() * sizeof(std::uint64_t)), file, section.sums_offset,
            "block sums", section.sums_sum, "sums whose checksum is in the section table");
    table.sums.push_back(std::move(sums));
  }
  return table;
}

}  // namespace nearfield
