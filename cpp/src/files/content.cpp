#include "files/content.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "codes/codes.h"
#include "files/fault.h"

namespace nearfield {
namespace {

std::string row_field(const char* name, std::size_t slot) {
  return std::string(name) + " of row " + std::to_string(slot);
}

[[noreturn]] void throw_row(const Places& places, const Places::Plane& plane, const char* name, std::size_t slot,
                            const std::string& found, const std::string& expected) {
  throw_corrupt(places.file, plane.offset + slot * plane.stride, row_field(name, slot), found, expected);
}

void check_levels(const State& state, std::size_t count, const Places& places) {
  const Graph& graph = state.graph;
  const int top = graph.entry().level;
  for (std::size_t slot = 0; slot < count; ++slot) {
    const int level = graph.level_of(static_cast<Slot>(slot));
    const std::uint64_t first = *graph.upper_of.at<Slot>(slot);
    const int most = *state.flags.at<std::uint8_t>(slot) == kFree ? kMaxLevel : top;
    if (level > most) {
      throw_row(places, places.levels, "level", slot, std::to_string(level),
                most == top ? "at most that of the entry point, " + std::to_string(top)
                            : "at most " + std::to_string(kMaxLevel));
    }
    const bool good = level == 0 ? first == kNoSlot : first + static_cast<std::uint64_t>(level) <= graph.upper_rows;
    if (!good) {
      throw_row(places, places.upper_of, "upper_of", slot, std::to_string(first),
                "4294967295 on level 0, else rows below " + std::to_string(graph.upper_rows));
    }
  }
}

bool is_legal_flag(std::uint8_t flags) {
  return flags == 0 || flags == kMarked || flags == kDead || flags == (kDead | kLeaving) || flags == kFree;
}

void check_flags(const State& state, std::size_t count, const Places& places) {
  std::size_t marked = 0, dead = 0, free = 0, leaving = 0;
  for (std::size_t slot = 0; slot < count; ++slot) {
    const std::uint8_t flags = *state.flags.at<std::uint8_t>(slot);
    if (!is_legal_flag(flags)) {
      throw_row(places, places.flags, "flags", slot, std::to_string(flags), "0, 1, 2, 18 or 64");
    }
    marked += flags == kMarked;
    dead += (flags & kDead) != 0;
    free += flags == kFree;
    leaving += (flags & kLeaving) != 0;
  }
  const Census& census = state.census;
  if (marked != census.marked.load() || dead != census.dead.load() || free != census.free.load()) {
    throw_corrupt(places.file, places.flags.offset, "flags",
                  std::to_string(marked) + " marked, " + std::to_string(dead) + " superseded and " +
                      std::to_string(free) + " free rows",
                  std::to_string(census.marked.load()) + ", " + std::to_string(census.dead.load()) + " and " +
                      std::to_string(census.free.load()));
  }
  if ((leaving > 0) != (state.repair.end > 0)) {
    throw_corrupt(places.file, places.flags.offset, "flags", std::to_string(leaving) + " slots of a repair",
                  state.repair.end > 0 ? "some" : "none");
  }
}

// Behind the repair that is under way no link leads to the slots that it is for.
void check_repaired(const State& state, const Places& places) {
  if (state.repair.end == 0) return;
  const Graph& graph = state.graph;
  for (std::size_t i = 0; i < state.count.load(); ++i) {
    if (i >= state.repair.next && i < state.repair.end) continue;
    const auto slot = static_cast<Slot>(i);
    if ((*state.flags.at<std::uint8_t>(slot) & (kLeaving | kFree)) != 0) continue;
    for (int level = 0; level <= graph.level_of(slot); ++level) {
      const Slot* row = graph.row(slot, level);
      for (std::size_t place = 0; place < graph.places(level) && row[place] != kNoSlot; ++place) {
        if ((*state.flags.at<std::uint8_t>(row[place]) & kLeaving) != 0) {
          throw_row(places, places.links, "links", slot, "one to slot " + std::to_string(row[place]),
                    "none there, since a repair has taken them away");
        }
      }
    }
  }
}

void check_numbers(const State& state, std::size_t count, const Places& places) {
  if (!state.has_numbers()) return;
  const std::uint64_t published = state.published.load();
  std::vector<std::uint64_t> numbers;
  for (std::size_t slot = 0; slot < count; ++slot) {
    if (*state.flags.at<std::uint8_t>(slot) == kFree) continue;
    numbers.push_back(state.number_of(slot));
    if (numbers.back() >= published) {
      throw_row(places, places.numbers, "number", slot, std::to_string(numbers.back()), "a number below published");
    }
  }
  std::sort(numbers.begin(), numbers.end());
  const auto repeated = std::adjacent_find(numbers.begin(), numbers.end());
  if (repeated != numbers.end()) {
    throw_corrupt(places.file, places.numbers.offset, "numbers", std::to_string(*repeated) + " twice", "each once");
  }
}

bool holds_row(const State& state, std::size_t slot) {
  return (*state.flags.at<std::uint8_t>(slot) & (kDead | kFree)) == 0;
}

[[noreturn]] void throw_repeated(const State& state, std::size_t count, const Places& places, Id repeated) {
  bool first = true;
  for (std::size_t slot = 0; slot < count; ++slot) {
    if (!holds_row(state, slot) || *state.ids.at<Id>(slot) != repeated) continue;
    if (!first) throw_row(places, places.ids, "id", slot, std::to_string(repeated), "an id that no other row has");
    first = false;
  }
  throw_corrupt(places.file, places.ids.offset, "ids", "not all different", "each id once");
}

void check_ids(const State& state, std::size_t count, const Places& places) {
  bool ascending = true;  // as automatic ids are; then nothing is repeated
  bool any = false;
  Id last = 0;
  for (std::size_t slot = 0; slot < count; ++slot) {
    const Id id = *state.ids.at<Id>(slot);
    if (id == kNoId) throw_row(places, places.ids, "id", slot, std::to_string(id), "an id below 2^64 - 1");
    if (!holds_row(state, slot)) continue;
    ascending = ascending && (!any || id > last);
    any = true;
    last = id;
  }
  if (ascending) return;
  std::vector<Id> ids;
  ids.reserve(count);
  for (std::size_t slot = 0; slot < count; ++slot) {
    if (holds_row(state, slot)) ids.push_back(*state.ids.at<Id>(slot));
  }
  std::sort(ids.begin(), ids.end());
  const auto repeated = std::adjacent_find(ids.begin(), ids.end());
  if (repeated != ids.end()) throw_repeated(state, count, places, *repeated);
}

// Position of the first element that is no number, or of the first byte that should be 0; `padded` when good.
std::size_t first_bad_element(Storage storage, const std::byte* row, std::size_t dimensions, std::size_t padded) {
  const auto is_bad = [storage, row](std::size_t d) {
    if (element_bytes(storage) == sizeof(float)) {
      std::uint32_t bits;
      std::memcpy(&bits, row + d * sizeof bits, sizeof bits);
      return (bits & 0x7F800000u) == 0x7F800000u;  // infinity or NaN
    }
    if (storage == Storage::Float16) {
      std::uint16_t bits;
      std::memcpy(&bits, row + d * sizeof bits, sizeof bits);
      return (bits & 0x7C00u) == 0x7C00u;
    }
    return storage == Storage::E4M3 && (static_cast<unsigned>(row[d]) & 0xFEu) == 0xFEu;  // NaN
  };
  for (std::size_t d = 0; d < dimensions; ++d) {
    if (is_bad(d)) return d;
  }
  const std::size_t size = element_bytes(storage);
  for (std::size_t i = dimensions * size; i < padded * size; ++i) {
    if (row[i] != std::byte{0}) return i / size;
  }
  return padded;
}

void check_vectors(const State& state, std::size_t count, const Places& places) {
  const std::size_t dimensions = state.config.dimensions;
  const std::size_t padded = padded_dimensions(dimensions);
  for (std::size_t slot = 0; slot < count; ++slot) {
    if (!state.keeps_vector(slot)) continue;
    const std::size_t bad = first_bad_element(state.config.storage, state.vector_row(slot), dimensions, padded);
    if (bad == padded) continue;
    throw_row(places, places.vectors, "vector", slot,
              bad < dimensions ? "not a finite number in dimension " + std::to_string(bad) : "not 0 behind its end",
              bad < dimensions ? "finite numbers" : "zeros there");
  }
}

// A code of differences is at most 127, one of products at least -127; kernels of different levels agree on those
// alone.
void check_codes(const State& state, std::size_t count, const Places& places) {
  const CodePlane* codes = state.code_plane.get();
  if (codes == nullptr || codes->grid.codes != Codes::Int8) return;
  const bool products = codes->grid.lowest < 0;
  for (std::size_t slot = 0; slot < count; ++slot) {
    const std::byte* row = codes->rows.row(slot);
    bool good = true;
    for (std::size_t i = 0; i < codes->rows.row_bytes(); ++i) {
      const auto code = static_cast<std::int8_t>(row[i]);
      good &= products ? code != -128 : code >= 0;
    }
    if (!good) throw_row(places, places.codes, "codes", slot, "a byte outside the grid", "0 to 127, or -127 to 127");
  }
}

}  // namespace

void check_content(const State& state, const Places& places) {
  const std::size_t count = state.count.load(std::memory_order_acquire);
  check_levels(state, count, places);
  check_flags(state, count, places);
  check_numbers(state, count, places);
  check_ids(state, count, places);
  check_vectors(state, count, places);
  check_codes(state, count, places);
  const std::string fault =
      validate(state.graph, count, [&state](Slot slot) { return *state.flags.at<std::uint8_t>(slot) == kFree; });
  if (!fault.empty()) {
    throw_corrupt(places.file, places.links.offset, "links", "impossible: " + fault, "links within the graph");
  }
  check_repaired(state, places);
}

}  // namespace nearfield
