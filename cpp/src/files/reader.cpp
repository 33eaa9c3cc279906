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
  if (section.kind <= format::kNumPlanes) return format::kPlaneNames[section.kind - 1];
  return section.kind == static_cast<std::uint32_t>(format::Kind::Attachment) ? "attachment" : "section";
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

void map_plane(const ByteSource& source, const Section& section, std::vector<std::uint64_t> sums, Plane& plane,
               BlockGuard& guard) {
  try {
    plane.map(source.descriptor(), section.offset, section.rows);
  } catch (const FileNotAccessible& error) {
    throw_not_accessible("cannot map", source.name(), error.error_code);
  }
  guard.add_section(plane.row(0), section.bytes, section.offset, name_of(section), std::move(sums));
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

Places places_of(const ByteSource& source, const Table& table) {
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
          plane(format::Kind::Flags)};
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
  auto state = std::make_unique<State>(table.config);
  Graph& graph = state->graph;
  const std::array<Plane*, format::kNumPlanes> planes{&state->vectors, &graph.links,  &graph.upper_links, &state->ids,
                                                      &graph.upper_of, &graph.levels, &state->flags};
  const bool may_map = options.map && source.descriptor() >= 0;
  auto guard = std::make_unique<BlockGuard>(source.name());
  bool mapped = false;
  for (std::size_t i = 0; i < table.sections.size(); ++i) {
    const Section& section = table.sections[i];
    if (i >= planes.size()) {
      if (section.kind == static_cast<std::uint32_t>(format::Kind::Attachment)) {
        read_attachment(source, section, table.sums[i], *state);
      } else if (!may_map) {
        read_bytes(source, section, table.sums[i]);  // not for us, but damage anywhere is damage
      }
    } else if (may_map && section.bytes >= kBlockBytes) {
      map_plane(source, section, table.sums[i], *planes[i], *guard);
      mapped = true;
    } else {
      read_plane(source, section, table.sums[i], *planes[i]);
    }
  }
  set_counts(*state, table.header);
  if (!may_map) check_gaps(source, table);
  const Places places = places_of(source, table);
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
