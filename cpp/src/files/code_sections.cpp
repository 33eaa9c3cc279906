#include "files/code_sections.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "build/sketches.h"
#include "codes/pairs.h"
#include "files/fault.h"
#include "files/sections.h"

namespace nearfield {

using format::Section;

namespace {

std::vector<std::byte> bytes_of(const ByteSource& source, const Table& table, const Section& section) {
  return read_bytes(source, section, table.sums[static_cast<std::size_t>(&section - table.sections.data())]);
}

// The sketch, checked against the header.
Sketch read_sketch(const ByteSource& source, const Table& table, const Section& section, const IndexConfig& config) {
  const std::string& file = source.name();
  const std::vector<std::byte> bytes = bytes_of(source, table, section);
  const std::size_t padded = padded_dimensions(config.dimensions);
  const std::size_t size =
      sizeof(format::SketchHead) + (padded + kSketchAxes) * sizeof(float) + kSketchAxes * axis_bytes(config.dimensions);
  require(may_sketch(config), file, section.offset, "sketch", bytes.size(),
          "none with this storage, these codes and dimensions");
  require(bytes.size() == size, file, section.offset, "sketch", bytes.size(), std::to_string(size).c_str());
  format::SketchHead head;
  std::memcpy(&head, bytes.data(), sizeof head);
  const auto check = [&](float value, float least, float most, std::size_t at, const char* field,
                         const char* expected) {
    require(value >= least && value <= most, file, section.offset + at, field, std::bit_cast<std::uint32_t>(value),
            expected);
  };
  check(head.axis_step, 0x1p-80f, 0x1p80f, 0, "sketch.axis_step", "a float32 from 2^-80 to 2^80");
  check(head.step, 0x1p-80f, 0x1p80f, 4, "sketch.step", "a float32 from 2^-80 to 2^80");
  check(head.share_outside, 0, 1, 8, "sketch.share_outside", "a float32 from 0 to 1");
  check(head.factor, 0, 0x1p80f, 12, "sketch.factor", "a float32 from 0 to 2^80");
  check(head.share_passed, 0, 1, 16, "sketch.share_passed", "a float32 from 0 to 1");
  require(head.reserved == 0, file, section.offset + 20, "sketch.reserved", head.reserved, "0");
  Sketch sketch{{std::vector<float>(padded), {}, head.axis_step},
                empty_grid(Codes::Int4, Space::Euclidean, kSketchAxes),
                head.factor,
                head.share_passed};
  sketch.grid.step = head.step;
  sketch.grid.share_outside = head.share_outside;
  sketch.projection.axes.resize(kSketchAxes * axis_bytes(config.dimensions));
  std::size_t at = sizeof head;
  for (std::vector<float>* numbers : {&sketch.projection.center, &sketch.grid.origin}) {
    std::memcpy(numbers->data(), bytes.data() + at, numbers->size() * sizeof(float));
    for (const float number : *numbers) {
      check(number, -kMostOrigin, kMostOrigin, at, "sketch.center or origin", "a float32 up to 2^127");
      at += sizeof number;
    }
  }
  std::memcpy(sketch.projection.axes.data(), bytes.data() + at, sketch.projection.axes.size());
  for (const signed char component : sketch.projection.axes) {
    require(component >= -127, file, section.offset + at, "sketch.axes", static_cast<unsigned char>(component),
            "-127 to 127");
    ++at;
  }
  return sketch;
}

void read_long_rows(const ByteSource& source, const Table& table, const Section& section, const IndexConfig& config,
                    LongRows& long_rows) {
  const std::string& file = source.name();
  require(config.space == Space::InnerProduct && config.storage != Storage::CodesOnly, file, section.offset,
          "long_rows", section.rows, "none with this space and storage");
  require(section.row_bytes == sizeof(std::uint32_t) && section.rows <= LongRows::kMost + 1, file, section.offset,
          "long_rows", section.rows, "at most 33 slots");
  const std::vector<std::byte> bytes = bytes_of(source, table, section);
  std::uint64_t least = 0;  // of the next slot
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(Slot)) {
    Slot slot;
    std::memcpy(&slot, bytes.data() + at, sizeof slot);
    require(slot >= least && slot < table.header.count, file, section.offset + at, "long_rows", slot,
            "slots below count, ascending");
    long_rows.append(slot);
    least = std::uint64_t{slot} + 1;
  }
}

}  // namespace

CodeSections find_code_sections(const Table& table, const std::string& file) {
  CodeSections found;
  for (std::size_t i = format::kNumPlanes; i < table.sections.size(); ++i) {
    const Section& section = table.sections[i];
    const std::uint64_t at = table.header.table_offset + i * sizeof(Section);
    if (section.kind == static_cast<std::uint32_t>(format::Kind::Grid)) {
      require(found.grid == nullptr, file, at, "section.kind", section.kind, "one grid at most");
      found.grid = &section;
    } else if (section.kind == static_cast<std::uint32_t>(format::Kind::Codes)) {
      require(found.grid == &section - 1, file, at, "section.kind", section.kind, "codes right behind their grid");
      found.codes = &section;
    } else if (section.kind == static_cast<std::uint32_t>(format::Kind::Sketch)) {
      require(found.sketch == nullptr && found.codes != nullptr, file, at, "section.kind", section.kind,
              "one sketch at most, behind the codes");
      found.sketch = &section;
    } else if (section.kind == static_cast<std::uint32_t>(format::Kind::Sketches)) {
      require(found.sketch == &section - 1, file, at, "section.kind", section.kind,
              "sketches right behind their sketch");
      found.sketches = &section;
    } else if (section.kind == static_cast<std::uint32_t>(format::Kind::LongRows)) {
      require(found.long_rows == nullptr && found.codes != nullptr, file, at, "section.kind", section.kind,
              "long rows once at most, behind the codes");
      found.long_rows = &section;
    }
  }
  require((found.sketch == nullptr) == (found.sketches == nullptr), file, table.header.table_offset, "section.kind",
          static_cast<std::uint64_t>(format::Kind::Sketch), "sketches behind the sketch");
  return found;
}

std::unique_ptr<CodePlane> read_codes(const ByteSource& source, const Table& table, const CodeSections& sections,
                                      IndexConfig& config) {
  const std::string& file = source.name();
  const Section& section = *sections.grid;
  const std::vector<std::byte> bytes = bytes_of(source, table, section);
  format::GridHead head;
  require(bytes.size() >= sizeof head, file, section.offset, "grid", bytes.size(), "at least 32 bytes");
  std::memcpy(&head, bytes.data(), sizeof head);
  require(head.codes == 4 || head.codes == 8, file, section.offset, "grid.codes", head.codes, "4 or 8");
  config.codes = static_cast<Codes>(head.codes);
  require(is_legal(config), file, section.offset, "grid.codes", head.codes,
          "codes that go with the storage, the space and the dimensions");
  const std::size_t padded = padded_dimensions(config.dimensions);
  const bool fitted = head.step != 0;
  require(fitted ? head.step >= 0x1p-80f && head.step <= 0x1p80f : bytes.size() == sizeof head, file,
          section.offset + 4, "grid.step", __builtin_bit_cast(std::uint32_t, head.step),
          "a float32 from 2^-80 to 2^80, or 0 with nothing behind it");
  require(fitted == (sections.codes != nullptr), file, section.offset + 4, "grid.step",
          __builtin_bit_cast(std::uint32_t, head.step), "codes behind a grid that was fitted, and only there");
  require(head.num_fitted <= table.header.rows_ever_added(), file, section.offset + 8, "grid.num_fitted",
          head.num_fitted, "at most the rows ever added");
  require(head.share_outside >= 0 && head.share_outside <= 1, file, section.offset + 24, "grid.share_outside",
          __builtin_bit_cast(std::uint32_t, head.share_outside), "a float32 from 0 to 1");
  require(head.rotated <= (config.space == Space::InnerProduct ? 0u : 1u), file, section.offset + 28, "grid.rotated",
          head.rotated, "0, or 1 where the space is no inner product");
  require(fitted || table.header.count == 0, file, section.offset + 4, "grid.step", 0,
          "a grid that was fitted, where there are rows");
  if (!fitted) return nullptr;
  require(bytes.size() == sizeof head + padded * sizeof(float), file, section.offset, "grid", bytes.size(),
          std::to_string(sizeof head + padded * sizeof(float)).c_str());
  const bool has_origin = (table.header.features & format::kOriginOfProducts) != 0;
  Grid grid = empty_grid(config.codes, config.space, config.dimensions);
  grid.step = head.step;
  grid.share_outside = head.share_outside;
  grid.rotated = head.rotated != 0;
  std::memcpy(grid.origin.data(), bytes.data() + sizeof head, padded * sizeof(float));
  for (std::size_t d = 0; d < padded; ++d) {
    const float origin = grid.origin[d];
    const bool none =
        (config.space == Space::InnerProduct && !has_origin) || (d >= config.dimensions && head.rotated == 0);
    const bool good = none ? origin == 0 : std::fabs(origin) <= (head.rotated != 0 ? kMostRotatedOrigin : kMostOrigin);
    require(
        good, file, section.offset + sizeof head + d * sizeof(float), "grid.origin",
        __builtin_bit_cast(std::uint32_t, origin),
        "a float32 up to 2^127, 2^64 where rotated; 0 behind the end, and for inner products without feature bit 1");
  }
  std::optional<Sketch> sketch;
  if (sections.sketch != nullptr) sketch = read_sketch(source, table, *sections.sketch, config);
  auto codes = std::make_unique<CodePlane>(std::move(grid), std::move(sketch));
  codes->num_fitted = head.num_fitted;
  codes->num_outside = head.num_outside;
  const Section& rows = *sections.codes;
  require(rows.row_bytes == codes->rows.row_bytes() && rows.rows == table.header.count, file, rows.offset, "codes",
          rows.rows, "a row of codes for each slot");
  if (sections.sketches != nullptr) {
    require(sections.sketches->row_bytes == kSketchBytes && sections.sketches->rows == table.header.count, file,
            sections.sketches->offset, "sketches", sections.sketches->rows, "64 bytes for each slot");
  }
  if (sections.long_rows != nullptr) {
    read_long_rows(source, table, *sections.long_rows, config, codes->long_rows);
  } else if (config.space == Space::InnerProduct && config.storage != Storage::CodesOnly && head.num_outside > 0 &&
             !table.header.reuses_slots()) {
    // Of a writer that kept no list, and used no slot again: any row may be one.
    for (Slot slot = 0; slot < table.header.count && !codes->long_rows.are_too_many(); ++slot) {
      codes->long_rows.append(slot);
    }
  }
  return codes;
}

}  // namespace nearfield
