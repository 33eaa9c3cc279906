#include "files/reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "files/block_guard.h"
#include "files/block_sums.h"
#include "files/code_sections.h"
#include "files/column_sections.h"
#include "files/content.h"
#include "files/fault.h"
#include "files/format.h"
#include "files/sections.h"
#include "files/table.h"
#include "nearfield/error.h"

namespace nearfield {
namespace {

using format::kBlockBytes;
using format::Section;

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
  const std::uint64_t first = first_recent(table.header.rows_ever_added());
  state.vectors.grow(kRecentRows);
  BlockSums found;
  for (std::size_t i = 0; i < section.rows; ++i) {
    std::byte* row = state.vectors.row((first + i) % kRecentRows);
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
  state.attachments.emplace(std::move(name), std::make_shared<const std::vector<std::byte>>(std::move(bytes)));
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

Places places_of(const ByteSource& source, const Table& table, const Section* codes, const Section* numbers) {
  const auto optional = [](const Section* section) {
    return section == nullptr ? Places::Plane{} : Places::Plane{section->offset, section->row_bytes};
  };
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
          optional(codes),
          optional(numbers)};
}

// The numbers of the rows; null where slots are numbers.
const Section* find_numbers(const Table& table, const std::string& file) {
  const Section* found = nullptr;
  for (const Section& section : table.sections) {
    if (section.kind != static_cast<std::uint32_t>(format::Kind::Numbers)) continue;
    require(found == nullptr && table.header.reuses_slots(), file, section.offset, "numbers", section.rows,
            "one such section, with feature bit 2");
    require(section.row_bytes == sizeof(std::uint64_t) && section.rows == table.header.count, file, section.offset,
            "numbers", section.rows, "8 bytes for each slot");
    found = &section;
  }
  require(found != nullptr || table.header.rows_ever_added() == table.header.count, file, 144, "published",
          table.header.published, "count, where there are no numbers");
  return found;
}

void set_counts(State& state, const format::Header& header) {
  state.graph.upper_rows = header.upper_rows;
  state.graph.set_entry({header.entry_slot, header.entry_level});
  state.census.marked = header.num_marked;
  state.census.dead = header.num_superseded;
  state.census.free = header.num_free;
  state.census.away = header.num_marked + header.num_superseded + header.num_free;
  if (state.census.away > 0) state.replaced_by.grow(header.count);  // flags of a mapped file are not compared yet
  state.repair.next = header.repair_next;
  state.repair.end = header.repair_end;
  state.next_id = header.next_id;
  state.unswept = header.unswept;
  state.count = header.count;
  state.published = header.rows_ever_added();
}

}  // namespace

std::unique_ptr<State> read_nf(const ByteSource& source, const LoadOptions& options) {
  Table table = read_table(source);
  match(options, source.name(), table.config);
  const CodeSections code_sections = find_code_sections(table, source.name());
  std::unique_ptr<CodePlane> codes;
  require(code_sections.grid != nullptr || table.config.storage != Storage::CodesOnly, source.name(), 57, "storage",
          static_cast<std::uint64_t>(table.config.storage), "one that needs no grid, since there is none");
  const Section* numbers = find_numbers(table, source.name());
  if (code_sections.grid != nullptr) codes = read_codes(source, table, code_sections, table.config);
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
    } else if (&section == numbers) {
      read_or_map(section, i, state->numbers);
    } else if (section.kind == static_cast<std::uint32_t>(format::Kind::Column)) {
      if (is_mapped(section) || !state->unread_columns.empty()) {  // they stay in their order
        UnreadColumn unread{nullptr, {}, section.offset, section.bytes};
        if (is_mapped(section)) {
          unread.mapped = std::make_unique<Plane>(1);
          read_or_map(section, i, *unread.mapped);
        } else {
          unread.bytes = read_bytes(source, section, table.sums[i]);
        }
        state->unread_columns.push_back(std::move(unread));
      } else {
        read_column(read_bytes(source, section, table.sums[i]), section.offset, source.name(), table.header.count,
                    state->columns);
      }
    } else if (section.kind == static_cast<std::uint32_t>(format::Kind::Attachment)) {
      read_attachment(source, section, table.sums[i], *state);
    } else if (&section != code_sections.grid && &section != code_sections.sketch &&
               &section != code_sections.long_rows) {  // not for us, but damage anywhere is damage
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
  const Places places = places_of(source, table, code_sections.codes, numbers);
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
  for (std::size_t slot = 0; slot < table.header.count;
       ++slot) {  // of other flags walks would look at what is not there
    const std::uint8_t flags = *state->flags.at<std::uint8_t>(slot);
    require((flags & ~(kMarked | kDead | kLeaving | kFree)) == 0, source.name(), places.flags.offset + slot, "flags",
            flags, "0, 1, 2, 18 or 64");
  }
  if (options.verify) state->guard->verify_all();
  return state;
}

}  // namespace nearfield
