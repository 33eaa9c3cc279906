#include "files/reader.h"

#include <algorithm>
#include <array>
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
#include "files/block_guard.h"
#include "files/block_sums.h"
#include "files/content.h"
#include "files/fault.h"
#include "files/format.h"
#include "files/table.h"
#include "nearfield/error.h"

namespace nearfield {
namespace {

using format::kBlockBytes;
using format::Section;

const char* name_of(const Section& section) {
  const char* name = format::name_of(section.kind);
  return name != nullptr ? name : "section";
}

void check_sums(const ByteSource& source, const Section& section, BlockSums& found,
                const std::vector<std::uint64_t>& sums) {
  const std::vector<std::uint64_t> found_sums = found.finish();
  const auto wrong = std::mismatch(found_sums.begin(), found_sums.end(), sums.begin(), sums.end()).first;
  if (wrong == found_sums.end()) return;
  const auto block = static_cast<std::uint64_t>(wrong - found_sums.begin());
  throw_corrupt(source.name(), section.offset + block * kBlockBytes, name_of(section),
                "a block whose checksum is wrong", "the bytes that were written");
}

void read_plane(const ByteSource& source, const Section& section, const std::vector<std::uint64_t>& sums,
                Plane& plane) {
  plane.grow(section.rows);
  BlockSums found;
  std::uint64_t offset = section.offset;
  plane.for_each_run(0, section.rows, [&](std::byte* data, std::size_t, std::size_t rows) {
    // In pieces that stay in the cache between the reading and the summing.
    const std::size_t bytes = rows * section.row_bytes;
    for (std::size_t done = 0; done < bytes; done += kBlockBytes) {
      const std::size_t piece = std::min(kBlockBytes, bytes - done);
      source.read(offset, data + done, piece, name_of(section));
      found.feed(data + done, piece);
      offset += piece;
    }
  });
  check_sums(source, section, found, sums);
}

// Vectors that are kept beside codes: never mapped, since what follows them in the plane is not what follows in slots.
void read_kept_vectors(const ByteSource& source, const Table& table, State& state) {
  const Section& section = table.sections[0];
  if (table.header.count < kFewSlots) return read_plane(source, section, table.sums[0], state.vectors);
  const std::size_t first = table.header.count - section.rows;
  state.vectors.grow(kRecentSlots);
  BlockSums found;
  for (std::size_t i = 0; i < section.rows; ++i) {
    std::byte* row = state.vectors.row(vector_place(state.config.storage, table.header.count, first + i));
    source.read(section.offset + i * section.row_bytes, row, section.row_bytes, name_of(section));
    found.feed(row, section.row_bytes);
  }
  check_sums(source, section, found, table.sums[0]);
}

template <class Map>
void map_or_throw(const ByteSource& source, const Map& map) {
  try {
    map();
  } catch (const FileNotAccessible& error) {
    throw_not_accessible("cannot map", source.name(), error.error_code);
  }
}

void map_plane(const ByteSource& source, const Section& section, std::vector<std::uint64_t> sums, Plane& plane,
               BlockGuard& guard) {
  map_or_throw(source, [&] { plane.map(source.descriptor(), section.offset, section.rows); });
  guard.add_section(plane.row(0), section.bytes, section.offset, name_of(section), std::move(sums));
}

// A section that is not for us; it may be large, and then waits for the check of the whole file.
void map_unread(const ByteSource& source, const Section& section, std::vector<std::uint64_t> sums, BlockGuard& guard) {
  map_or_throw(source, [&] {
    Block block = Block::mapped(source.descriptor(), section.offset, section.bytes, section.bytes);
    guard.add_unread(std::move(block), section.bytes, section.offset, name_of(section), std::move(sums));
  });
}

std::vector<std::byte> read_bytes(const ByteSource& source, const Section& section,
                                  const std::vector<std::uint64_t>& sums) {
  std::vector<std::byte> bytes(section.bytes);  // inside the file: read_table has compared
  source.read(section.offset, bytes.data(), bytes.size(), name_of(section));
  BlockSums found;
  found.feed(bytes.data(), bytes.size());
  check_sums(source, section, found, sums);
  return bytes;
}

void read_attachment(const ByteSource& source, const Section& section, const std::vector<std::uint64_t>& sums,
                     State& state) {
  std::vector<std::byte> bytes = read_bytes(source, section, sums);
  std::uint32_t name_bytes = 0;
  require(bytes.size() >= sizeof name_bytes, source.name(), section.offset, "attachment", bytes.size(),
          "at least 4 bytes");
  std::memcpy(&name_bytes, bytes.data(), sizeof name_bytes);
  require(name_bytes <= bytes.size() - sizeof name_bytes, source.name(), section.offset, "attachment.name_bytes",
          name_bytes, "at most the bytes of the section");
  const auto name_begin = bytes.begin() + sizeof name_bytes;
  std::string name(reinterpret_cast<const char*>(bytes.data()) + sizeof name_bytes, name_bytes);
  const bool ascending = state.attachments.empty() || state.attachments.rbegin()->first < name;
  require(ascending, source.name(), section.offset, "attachment.name", name_bytes, "a name behind the one before");
  bytes.erase(bytes.begin(), name_begin + name_bytes);
  state.attachments.emplace(std::move(name), std::move(bytes));
}

// The sections that belong to the codes, or null.
struct CodeSections {
  const Section* grid = nullptr;
  const Section* codes = nullptr;
  const Section* sketch = nullptr;
  const Section* sketches = nullptr;
};

CodeSections find_codes(const std::string& file, const Table& table) {
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
    }
  }
  require((found.sketch == nullptr) == (found.sketches == nullptr), file, table.header.table_offset, "section.kind",
          static_cast<std::uint64_t>(format::Kind::Sketch), "sketches behind the sketch");
  return found;
}

// The sketch, checked against the header.
Sketch read_sketch(const ByteSource& source, const Table& table, const Section& section, const IndexConfig& config) {
  const std::string& file = source.name();
  const std::vector<std::byte> bytes =
      read_bytes(source, section, table.sums[static_cast<std::size_t>(&section - table.sections.data())]);
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

// The grid, checked against the header and the section of the codes. Sets config.codes.
std::unique_ptr<CodePlane> read_grid(const ByteSource& source, const Table& table, const CodeSections& sections,
                                     IndexConfig& config) {
  const std::string& file = source.name();
  const Section& section = *sections.grid;
  const std::vector<std::byte> bytes =
      read_bytes(source, section, table.sums[static_cast<std::size_t>(&section - table.sections.data())]);
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
  require(head.num_fitted <= table.header.count, file, section.offset + 8, "grid.num_fitted", head.num_fitted,
          "at most count");
  require(head.share_outside >= 0 && head.share_outside <= 1, file, section.offset + 24, "grid.share_outside",
          __builtin_bit_cast(std::uint32_t, head.share_outside), "a float32 from 0 to 1");
  require(head.rotated <= (config.space == Space::InnerProduct ? 0u : 1u), file, section.offset + 28, "grid.rotated",
          head.rotated, "0, or 1 where the space is no inner product");
  require(fitted || table.header.count == 0, file, section.offset + 4, "grid.step", 0,
          "a grid that was fitted, where there are rows");
  if (!fitted) return nullptr;
  require(bytes.size() == sizeof head + padded * sizeof(float), file, section.offset, "grid", bytes.size(),
          std::to_string(sizeof head + padded * sizeof(float)).c_str());
  Grid grid = empty_grid(config.codes, config.space, config.dimensions);
  grid.step = head.step;
  grid.share_outside = head.share_outside;
  grid.rotated = head.rotated != 0;
  std::memcpy(grid.origin.data(), bytes.data() + sizeof head, padded * sizeof(float));
  for (std::size_t d = 0; d < padded; ++d) {
    const float origin = grid.origin[d];
    const bool none = config.space == Space::InnerProduct || (d >= config.dimensions && head.rotated == 0);
    const bool good = none ? origin == 0 : std::fabs(origin) <= (head.rotated != 0 ? kMostRotatedOrigin : kMostOrigin);
    require(good, file, section.offset + sizeof head + d * sizeof(float), "grid.origin",
            __builtin_bit_cast(std::uint32_t, origin),
            "a float32 up to 2^127, 2^64 where rotated; 0 for inner products and behind the end");
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
  return codes;
}

// Bytes that belong to nothing are 0: so that every byte of the file is checked, and equal indexes are equal files.
void check_gaps(const ByteSource& source, const Table& table) {
  std::vector<std::byte> gap;
  std::uint64_t end = sizeof(format::Header);
  const auto check_until = [&](std::uint64_t begin_of_next) {
    gap.resize(begin_of_next - end);  // below 64 KiB: read_table has compared
    source.read(end, gap.data(), gap.size(), "padding");
    const auto bad = std::find_if(gap.begin(), gap.end(), [](std::byte b) { return b != std::byte{0}; });
    if (bad != gap.end()) {
      throw_corrupt(source.name(), end + static_cast<std::uint64_t>(bad - gap.begin()), "padding",
                    std::to_string(static_cast<unsigned>(*bad)), "0");
    }
  };
  for (const Section& section : table.sections) {
    check_until(section.offset);
    end = section.offset + section.bytes;
  }
  check_until(table.header.table_offset);
}

Places places_of(const ByteSource& source, const Table& table, const Section* codes) {
  const auto plane = [&table](format::Kind kind) {
    const Section& section = table.sections[static_cast<std::size_t>(kind) - 1];
    return Places::Plane{section.offset, section.row_bytes};
  };
  return {source.name(),
          plane(format::Kind::Vectors),
          plane(format::Kind::Links),
          plane(format::Kind::Ids),
          plane(format::Kind::UpperOf),
          plane(format::Kind::Levels),
          plane(format::Kind::Flags),
          codes == nullptr ? Places::Plane{} : Places::Plane{codes->offset, codes->row_bytes}};
}

void set_counts(State& state, const format::Header& header) {
  state.graph.upper_rows = header.upper_rows;
  state.graph.set_entry({header.entry_slot, header.entry_level});
  state.num_hidden = header.num_marked + header.num_superseded;
  state.num_superseded = header.num_superseded;
  if (state.num_hidden > 0) state.superseded_by.grow(header.count);  // flags of a mapped file are not compared yet
  state.next_id = header.next_id;
  state.unswept = header.unswept;
  state.count = header.count;
}

}  // namespace

std::unique_ptr<State> read_nf(const ByteSource& source, const LoadOptions& options) {
  Table table = read_table(source);
  match(options, source.name(), table.config);
  const CodeSections code_sections = find_codes(source.name(), table);
  std::unique_ptr<CodePlane> codes;
  require(code_sections.grid != nullptr || table.config.storage != Storage::CodesOnly, source.name(), 57, "storage",
          static_cast<std::uint64_t>(table.config.storage), "one that needs no grid, since there is none");
  if (code_sections.grid != nullptr) codes = read_grid(source, table, code_sections, table.config);
  auto state = std::make_unique<State>(table.config);
  Graph& graph = state->graph;
  const std::array<Plane*, format::kNumPlanes> planes{&state->vectors, &graph.links,  &graph.upper_links, &state->ids,
                                                      &graph.upper_of, &graph.levels, &state->flags};
  const bool may_map = options.map && source.descriptor() >= 0;
  auto guard = std::make_unique<BlockGuard>(source.name());
  bool mapped = false;
  const auto is_mapped = [may_map](const Section& section) { return may_map && section.bytes >= kBlockBytes; };
  const auto read_or_map = [&](const Section& section, std::size_t i, Plane& plane) {
    if (is_mapped(section)) {
      map_plane(source, section, table.sums[i], plane, *guard);
      mapped = true;
    } else {
      read_plane(source, section, table.sums[i], plane);
    }
  };
  for (std::size_t i = 0; i < table.sections.size(); ++i) {
    const Section& section = table.sections[i];
    if (i == 0 && table.config.storage == Storage::CodesOnly) {
      read_kept_vectors(source, table, *state);
    } else if (i < planes.size()) {
      read_or_map(section, i, *planes[i]);
    } else if (&section == code_sections.codes) {
      read_or_map(section, i, codes->rows);
    } else if (&section == code_sections.sketches) {
      read_or_map(section, i, codes->sketches);
    } else if (section.kind == static_cast<std::uint32_t>(format::Kind::Attachment)) {
      read_attachment(source, section, table.sums[i], *state);
    } else if (&section != code_sections.grid &&
               &section != code_sections.sketch) {  // not for us, but damage anywhere is damage
      if (is_mapped(section)) {
        map_unread(source, section, table.sums[i], *guard);
        mapped = true;
      } else {
        read_bytes(source, section, table.sums[i]);
      }
    }
  }
  state->code_plane = std::move(codes);
  state->codes = state->code_plane.get();
  set_counts(*state, table.header);
  check_gaps(source, table);
  const Places places = places_of(source, table, code_sections.codes);
  if (!mapped) {
    check_content(*state, places);
    return state;
  }
  guard->set_content_check([read = state.get(), places] { check_content(*read, places); });
  state->guard = std::move(guard);
  // Six bytes a row that say what may be found and where to descend: checked now, so that walks need not ask.
  for (const Plane* plane : {&state->flags, &graph.upper_of, &graph.levels}) {
    if (!BlockGuard::touch(state->guard.get(), plane->row(0), table.header.count * plane->row_bytes())) {
      state->guard->throw_corrupt();
    }
  }
  if (options.verify) state->guard->verify_all();
  return state;
}

}  // namespace nearfield
