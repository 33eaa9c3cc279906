#include "files/writer.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "files/block_sums.h"
#include "files/flags_copy.h"
#include "files/format.h"
#include "files/output.h"
#include "hash.h"

namespace nearfield {
namespace {

using format::Header;
using format::Kind;
using format::Section;

struct Layout {
  Header header;
  std::vector<std::byte> grid, sketch;
  std::vector<Section> sections;  // without their sums
};

Section plane_section(Kind kind, const Plane& plane, std::uint64_t rows) {
  Section section;
  section.kind = static_cast<std::uint32_t>(kind);
  section.flags = format::kRequired;
  section.row_bytes = plane.row_bytes();
  section.rows = rows;
  section.bytes = rows * plane.row_bytes();
  return section;
}

Section bytes_section(Kind kind, std::size_t bytes) {
  Section section;
  section.kind = static_cast<std::uint32_t>(kind);
  section.row_bytes = 1;
  section.rows = section.bytes = bytes;
  return section;
}

Section slots_section(std::size_t slots) {
  Section section;
  section.kind = static_cast<std::uint32_t>(Kind::LongRows);
  section.row_bytes = sizeof(std::uint32_t);
  section.rows = slots;
  section.bytes = slots * section.row_bytes;
  return section;
}

// The grid as format.h has it; empty where the index has no codes.
std::vector<std::byte> grid_bytes(const Snapshot& snapshot) {
  if (snapshot.state.config.codes == Codes::None) return {};
  format::GridHead head;
  head.codes = static_cast<std::uint32_t>(snapshot.state.config.codes);
  const CodePlane* codes = snapshot.codes;
  if (codes != nullptr) {
    head.step = codes->grid.step;
    head.num_fitted = snapshot.num_fitted;
    head.num_outside = snapshot.num_outside;
    head.share_outside = codes->grid.share_outside;
    head.rotated = codes->grid.rotated ? 1 : 0;
  }
  std::vector<std::byte> bytes(sizeof head + (codes != nullptr ? codes->grid.origin.size() * sizeof(float) : 0));
  std::memcpy(bytes.data(), &head, sizeof head);
  if (codes != nullptr) {
    std::memcpy(bytes.data() + sizeof head, codes->grid.origin.data(), codes->grid.origin.size() * sizeof(float));
  }
  return bytes;
}

void append(std::vector<std::byte>& bytes, const void* data, std::size_t size) {
  const auto* begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

// The sketch as format.h has it.
std::vector<std::byte> sketch_bytes(const Sketch& sketch) {
  format::SketchHead head;
  head.axis_step = sketch.projection.axis_step;
  head.step = sketch.grid.step;
  head.share_outside = sketch.grid.share_outside;
  head.factor = sketch.factor;
  head.share_passed = sketch.share_passed;
  std::vector<std::byte> bytes;
  append(bytes, &head, sizeof head);
  append(bytes, sketch.projection.center.data(), sketch.projection.center.size() * sizeof(float));
  append(bytes, sketch.grid.origin.data(), sketch.grid.origin.size() * sizeof(float));
  append(bytes, sketch.projection.axes.data(), sketch.projection.axes.size());
  return bytes;
}

Section attachment_section(const std::string& name, const std::vector<std::byte>& bytes) {
  return bytes_section(Kind::Attachment, sizeof(std::uint32_t) + name.size() + bytes.size());
}

bool has_origin_of_products(const Snapshot& snapshot) {
  if (snapshot.state.config.space != Space::InnerProduct || snapshot.codes == nullptr) return false;
  const std::vector<float>& origin = snapshot.codes->grid.origin;
  return std::any_of(origin.begin(), origin.end(), [](float x) { return x != 0; });
}

Header header_of(const Snapshot& snapshot) {
  const IndexConfig& config = snapshot.state.config;
  const FlagsCopy& flags = snapshot.flags;
  Header header;
  header.space = static_cast<std::uint8_t>(config.space);
  header.storage = static_cast<std::uint8_t>(config.storage);
  const bool reuses = snapshot.has_numbers || flags.num_free > 0 || flags.any_leaving;
  header.features = format::features_of(header.storage) |
                    (has_origin_of_products(snapshot) ? format::kOriginOfProducts : 0) |
                    (reuses ? format::kReusedSlots : 0);
  header.dimensions = config.dimensions;
  header.M = config.M;
  header.ef_construction = config.ef_construction;
  header.seed = config.seed;
  header.count = snapshot.count();
  header.num_marked = flags.num_marked;
  header.num_superseded = flags.num_superseded;
  header.upper_rows = snapshot.upper_rows;
  header.entry_slot = snapshot.entry.slot;
  header.entry_level = snapshot.entry.level;
  header.next_id = snapshot.next_id;
  header.unswept = snapshot.unswept;
  if (reuses) {
    header.num_free = flags.num_free;
    header.published = snapshot.published;
    header.repair_next = flags.any_leaving ? snapshot.repair_next : 0;
    header.repair_end = flags.any_leaving ? snapshot.repair_end : 0;
  }
  return header;
}

// Where everything stands: known before the first byte is written.
Layout lay_out(const Snapshot& snapshot) {
  const State& state = snapshot.state;
  const std::uint64_t count = snapshot.count();
  const Graph& graph = state.graph;
  Layout layout;
  layout.header = header_of(snapshot);
  layout.sections = {
      plane_section(Kind::Vectors, state.vectors, snapshot.num_vectors),
      plane_section(Kind::Links, graph.links, count),
      plane_section(Kind::UpperLinks, graph.upper_links, snapshot.upper_rows),
      plane_section(Kind::Ids, state.ids, count),
      plane_section(Kind::UpperOf, graph.upper_of, count),
      plane_section(Kind::Levels, graph.levels, count),
      plane_section(Kind::Flags, state.flags, count),
  };
  layout.grid = grid_bytes(snapshot);
  if (!layout.grid.empty()) layout.sections.push_back(bytes_section(Kind::Grid, layout.grid.size()));
  const auto add_optional = [&layout](Kind kind, const Plane& plane, std::uint64_t rows) {
    layout.sections.push_back(plane_section(kind, plane, rows));
    layout.sections.back().flags = 0;
  };
  if (snapshot.codes != nullptr) {
    add_optional(Kind::Codes, snapshot.codes->rows, count);
    const std::optional<Sketch>& sketch = snapshot.codes->sketch;
    if (sketch) {
      layout.sketch = sketch_bytes(*sketch);
      layout.sections.push_back(bytes_section(Kind::Sketch, layout.sketch.size()));
      add_optional(Kind::Sketches, snapshot.codes->sketches, count);
    }
    if (!snapshot.long_rows.empty()) layout.sections.push_back(slots_section(snapshot.long_rows.size()));
  }
  if (snapshot.has_numbers) add_optional(Kind::Numbers, state.numbers, count);
  for (const ColumnView& column : snapshot.columns) {
    layout.sections.push_back(bytes_section(Kind::Column, column.bytes));
    layout.sections.back().flags = format::kRequired;
  }
  for (const auto& [name, bytes] : snapshot.attachments) layout.sections.push_back(attachment_section(name, *bytes));

  std::uint64_t end = format::kHeaderBytes;
  std::uint64_t bytes_before = 0;
  std::uint64_t blocks = 0;
  for (Section& section : layout.sections) {
    section.offset = format::place_after(end, bytes_before, section.bytes);
    end = section.offset + section.bytes;
    bytes_before = section.bytes;
  }
  layout.header.section_count = static_cast<std::uint32_t>(layout.sections.size());
  layout.header.table_offset = format::place_after(end, bytes_before, 0);
  end = layout.header.table_offset + layout.sections.size() * sizeof(Section) + sizeof(std::uint64_t);
  for (Section& section : layout.sections) {
    section.sums_offset = end + blocks * sizeof(std::uint64_t);
    blocks += format::num_blocks(section.bytes);
  }
  layout.header.file_bytes = end + blocks * sizeof(std::uint64_t);
  layout.header.header_sum = xxh64(&layout.header, offsetof(Header, header_sum));
  return layout;
}

// Writes a section's bytes and sums them on the way.
class SectionWriter {
 public:
  explicit SectionWriter(Output& out) : out_(out) {}
  void put(const void* data, std::size_t bytes) {
    sums_.feed(static_cast<const std::byte*>(data), bytes);
    out_.put(data, bytes);
  }
  void put_rows(const Plane& plane, std::size_t first, std::size_t last) {
    plane.for_each_run(
        first, last, [&](const std::byte* data, std::size_t, std::size_t run) { put(data, run * plane.row_bytes()); });
  }
  // A row for each slot; of free ones all bytes are `filler`, whatever memory holds.
  void put_plane(const Plane& plane, const FlagsCopy& flags, std::byte filler = std::byte{0}) {
    const std::size_t count = flags.bytes.size();
    if (flags.num_free == 0) return put_rows(plane, 0, count);
    const std::vector<std::byte> nothing(plane.row_bytes(), filler);
    for (std::size_t first = 0; first < count;) {
      std::size_t last = first;
      while (last < count && !flags.is_free(last)) ++last;
      put_rows(plane, first, last);
      for (first = last; first < count && flags.is_free(first); ++first) put(nothing.data(), nothing.size());
    }
  }
  std::vector<std::uint64_t> finish() { return sums_.finish(); }

 private:
  Output& out_;
  BlockSums sums_;
};

void put_attachment(SectionWriter& out, const std::string& name, const std::vector<std::byte>& bytes) {
  const auto name_bytes = static_cast<std::uint32_t>(name.size());
  out.put(&name_bytes, sizeof name_bytes);
  out.put(name.data(), name.size());
  out.put(bytes.data(), bytes.size());
}

// Row by row as they were at the instant of the snapshot.
void put_links(SectionWriter& out, const Snapshot& snapshot) {
  Graph& graph = snapshot.state.graph;
  const std::vector<Slot> nothing(graph.places(0), kNoSlot);
  std::vector<Slot> row(graph.places(0));
  for (std::size_t slot = 0; slot < snapshot.count(); ++slot) {
    const bool is_free = snapshot.flags.is_free(slot);
    if (is_free) {
      graph.kept.pass(static_cast<Slot>(slot));  // a new row may stand there already
    } else {
      graph.kept.take(static_cast<Slot>(slot), graph.row(static_cast<Slot>(slot), 0), row.data());
    }
    out.put(is_free ? nothing.data() : row.data(), graph.links.row_bytes());
  }
}

// `before`: how many of its kind were written.
void put_content(SectionWriter& out, const Snapshot& snapshot, const Layout& layout, const Section& section,
                 std::size_t before) {
  const State& state = snapshot.state;
  const FlagsCopy& flags = snapshot.flags;
  switch (static_cast<Kind>(section.kind)) {
    case Kind::Vectors:
      if (state.config.storage != Storage::CodesOnly) return out.put_plane(state.vectors, flags);
      return out.put(snapshot.vectors.data(), snapshot.vectors.size());
    case Kind::Links:
      return put_links(out, snapshot);
    case Kind::UpperLinks:
      return out.put(snapshot.upper_links.data(), section.bytes);
    case Kind::Ids:
      return out.put_plane(state.ids, flags);
    case Kind::UpperOf:
      return out.put_rows(state.graph.upper_of, 0, snapshot.count());
    case Kind::Levels:
      return out.put_rows(state.graph.levels, 0, snapshot.count());
    case Kind::Flags:
      return out.put(flags.bytes.data(), snapshot.count());
    case Kind::Grid:
      return out.put(layout.grid.data(), layout.grid.size());
    case Kind::Codes:
      return out.put_plane(snapshot.codes->rows, flags);
    case Kind::Sketch:
      return out.put(layout.sketch.data(), layout.sketch.size());
    case Kind::Sketches:
      return out.put_plane(snapshot.codes->sketches, flags);
    case Kind::LongRows:
      return out.put(snapshot.long_rows.data(), section.bytes);
    case Kind::Numbers:
      return out.put_plane(state.numbers, flags);
    case Kind::Column:
      return put_column(snapshot.columns[before], flags,
                        [&out](const void* data, std::size_t bytes) { out.put(data, bytes); });
    case Kind::Attachment: {
      const auto& [name, bytes] = *std::next(snapshot.attachments.begin(), static_cast<long>(before));
      return put_attachment(out, name, *bytes);
    }
  }
}

}  // namespace

void write_index(const Snapshot& snapshot, const ByteSink& sink) {
  Layout layout = lay_out(snapshot);
  Output out(sink);
  out.put(&layout.header, sizeof layout.header);
  std::vector<std::uint64_t> all_sums;
  std::size_t before = 0;
  std::uint32_t last_kind = 0;
  for (Section& section : layout.sections) {
    before = section.kind == last_kind ? before + 1 : 0;
    last_kind = section.kind;
    out.pad_to(section.offset);
    SectionWriter writer(out);
    put_content(writer, snapshot, layout, section, before);
    const std::vector<std::uint64_t> sums = writer.finish();
    section.sums_sum = xxh64(sums.data(), sums.size() * sizeof(std::uint64_t));
    all_sums.insert(all_sums.end(), sums.begin(), sums.end());
  }
  out.pad_to(layout.header.table_offset);
  const std::size_t table_bytes = layout.sections.size() * sizeof(Section);
  out.put(layout.sections.data(), table_bytes);
  out.put_number(xxh64(layout.sections.data(), table_bytes));
  out.put(all_sums.data(), all_sums.size() * sizeof(std::uint64_t));
  out.flush();
}

}  // namespace nearfield
