#include "files/hnswlib.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "codes/codes.h"
#include "codes/pairs.h"
#include "files/content.h"
#include "files/fault.h"
#include "files/hnsw_header.h"
#include "files/voyager.h"
#include "nearfield/error.h"

namespace nearfield {
namespace {

struct Body {
  const ByteSource& source;
  const HnswHeader& header;
  State& state;
  std::vector<std::uint64_t> named_by;  // per row, the number of the last link list that named it
  std::uint64_t lists = 0;
};

// Copy a link list: u16 count, 2 bytes, links. `at` is its place in the file.
void read_links(Body& body, const std::byte* list, std::uint64_t at, std::size_t slot, int level) {
  const std::string& file = body.source.name();
  Graph& graph = body.state.graph;
  const auto links = number_at<std::uint16_t>(list);
  const std::size_t places = graph.places(level);
  if (links > places) {
    throw_corrupt(file, at, "link_count of row " + std::to_string(slot), std::to_string(links),
                  "at most " + std::to_string(places));
  }
  ++body.lists;
  Slot* row = graph.row(static_cast<Slot>(slot), level);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < links; ++i) {
    const auto target = number_at<Slot>(list + 4 + 4 * i);
    if (target >= body.header.count || target == slot) {
      throw_corrupt(file, at + 4 + 4 * i, "link of row " + std::to_string(slot), std::to_string(target),
                    "another row below " + std::to_string(body.header.count));
    }
    if (std::exchange(body.named_by[target], body.lists) != body.lists) row[kept++] = target;
  }
  std::fill(row + kept, row + places, kNoSlot);
}

void read_level0(Body& body, SequentialReader& reader) {
  State& state = body.state;
  const HnswHeader& header = body.header;
  const std::size_t vector_bytes = state.config.dimensions * element_bytes(state.config.storage);
  std::size_t marked = 0;
  for (std::size_t slot = 0; slot < header.count; ++slot) {
    const std::uint64_t at = reader.offset();
    const std::byte* element = reader.take(header.bytes_per_element, "element");
    read_links(body, element, at, slot, 0);
    std::memcpy(state.vectors.row(slot), element + header.data_offset, vector_bytes);
    *state.ids.at<Id>(slot) = number_at<Id>(element + header.label_offset);
    const bool deleted = (static_cast<unsigned>(element[2]) & 1u) != 0;
    *state.flags.at<std::uint8_t>(slot) = deleted ? kMarked : 0;
    marked += deleted;
  }
  state.census.marked = marked;
  state.census.away = marked;
}

void read_upper_levels(Body& body, SequentialReader& reader) {
  const std::string& file = body.source.name();
  const HnswHeader& header = body.header;
  const std::size_t list_bytes = 4 + 4 * header.M;
  for (std::size_t slot = 0; slot < header.count; ++slot) {
    const std::uint64_t at = reader.offset();
    const auto bytes = number_at<std::uint32_t>(reader.take(4, "byte_length"));
    const std::size_t levels = bytes / list_bytes;
    if (bytes % list_bytes != 0 || levels > static_cast<std::size_t>(header.max_level)) {
      throw_corrupt(file, at, "byte_length of row " + std::to_string(slot), std::to_string(bytes),
                    "at most " + std::to_string(header.max_level) + " times " + std::to_string(list_bytes));
    }
    if (bytes > reader.remaining()) {
      throw_corrupt(file, at, "byte_length of row " + std::to_string(slot), std::to_string(bytes),
                    "at most the " + std::to_string(reader.remaining()) + " bytes that follow");
    }
    body.state.graph.set_level(static_cast<Slot>(slot), static_cast<int>(levels));
    for (std::size_t level = 1; level <= levels; ++level) {
      const std::uint64_t list_at = reader.offset();
      read_links(body, reader.take(list_bytes, "links"), list_at, slot, static_cast<int>(level));
    }
  }
  if (reader.remaining() != 0) {
    throw_corrupt(file, reader.offset(), "end of file", std::to_string(reader.remaining()) + " more bytes", "none");
  }
}

Places places_of(const ByteSource& source, const BodyKind& kind, const HnswHeader& header) {
  const std::uint64_t begin = kind.offset + kHnswHeaderBytes;
  const std::uint64_t upper = begin + header.count * header.bytes_per_element;
  const std::uint64_t stride = header.bytes_per_element;
  return {source.name(),       {begin + header.data_offset, stride},
          {begin, stride},     {begin + header.label_offset, stride},
          {upper, 0},          {upper, 0},
          {begin + 2, stride}, {}};
}

}  // namespace

std::unique_ptr<State> read_hnsw_body(const ByteSource& source, const BodyKind& kind) {
  const HnswHeader header = read_hnsw_header(source, kind.offset);
  check_hnsw_header(source, kind.offset, header);
  const std::uint64_t vector_bytes = (std::uint64_t{kind.dimensions} + kind.dropped) * element_bytes(kind.storage);
  require(header.label_offset == header.data_offset + vector_bytes, source.name(), kind.offset + 32, "label_offset",
          header.label_offset, ("data_offset + " + std::to_string(vector_bytes) + " bytes of vector").c_str());
  IndexConfig config;
  config.space = kind.space;
  config.storage = kind.storage;
  config.dimensions = kind.dimensions;
  config.M = static_cast<std::uint32_t>(header.M);
  config.ef_construction = static_cast<std::uint32_t>(std::max(header.ef_construction, header.M));
  config.codes = resolve_codes(config);  // made of the vectors when the file was read (Index::load)
  auto state = std::make_unique<State>(config);
  state->grow(header.count);
  Body body{source, header, *state, std::vector<std::uint64_t>(header.count), 0};
  SequentialReader reader(source, kind.offset + kHnswHeaderBytes);
  read_level0(body, reader);
  read_upper_levels(body, reader);
  state->graph.set_entry({header.entry_point, header.max_level});
  state->count = header.count;
  state->published = header.count;
  state->next_id = header.count;
  state->unswept = header.count;  // other libraries leave rows that no link leads to; the next add repairs them
  check_content(*state, places_of(source, kind, header));
  return state;
}

std::unique_ptr<State> read_hnswlib(const ByteSource& source, const LoadOptions& options) {
  if (options.space == nullptr) {
    throw InvalidInput(source.name() +
                       " is a hnswlib or Voyager 1.x file, which does not say in which space its vectors are: give "
                       "`space` (and `storage_data_type` where it is not Float32)");
  }
  const HnswHeader header = read_hnsw_header(source, 0);
  check_hnsw_header(source, 0, header);
  BodyKind kind;
  kind.space = *options.space;
  if (options.storage != nullptr) kind.storage = *options.storage;
  if (!is_voyagers(kind.storage)) {
    throw FileMismatch(source.name() +
                       " is a hnswlib or Voyager 1.x file, whose vectors are Float32, Float8 or E4M3; " +
                       name_of(kind.storage) + " was asked for (argument `storage_data_type`)");
  }
  const std::uint64_t vector_bytes = header.label_offset - header.data_offset;
  const std::uint64_t dimensions = vector_bytes / element_bytes(kind.storage);
  if (vector_bytes % element_bytes(kind.storage) != 0) {
    throw FileMismatch(source.name() + " holds vectors of " + std::to_string(vector_bytes) + " bytes, which " +
                       name_of(kind.storage) + " elements do not fill (argument `storage_data_type`)");
  }
  require(dimensions <= kMaxDimensions, source.name(), 32, "label_offset", header.label_offset,
          "data_offset + at most 1048576 dimensions");
  kind.dimensions = static_cast<std::uint32_t>(dimensions);
  IndexConfig held;
  held.space = kind.space;
  held.storage = kind.storage;
  held.dimensions = kind.dimensions;
  match(options, source.name(), held);
  return read_hnsw_body(source, kind);
}

bool starts_like_hnswlib(const ByteSource& source) {
  try {
    check_hnsw_header(source, 0, read_hnsw_header(source, 0));
    return true;
  } catch (const CorruptIndexFile&) {
    return false;
  }
}

}  // namespace nearfield
