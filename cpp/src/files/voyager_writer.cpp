#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "codes/codes.h"
#include "files/flags_copy.h"
#include "files/hnsw_header.h"
#include "files/output.h"
#include "files/reach_all.h"
#include "files/voyager.h"
#include "nearfield/error.h"
#include "walk/held.h"

namespace nearfield {
namespace {

// The slots that are written, and which rows they become.
struct Rows {
  std::vector<Slot> slots;   // of the rows, in order
  std::vector<Slot> row_of;  // of the slots; kNoSlot where they hold none
};

Rows number_rows(const FlagsCopy& flags) {
  Rows rows;
  rows.row_of.assign(flags.bytes.size(), kNoSlot);
  rows.slots.reserve(flags.bytes.size() - flags.num_superseded - flags.num_free);
  for (std::size_t slot = 0; slot < flags.bytes.size(); ++slot) {
    if ((flags.bytes[slot] & (kDead | kFree)) != 0) continue;
    rows.row_of[slot] = static_cast<Slot>(rows.slots.size());
    rows.slots.push_back(static_cast<Slot>(slot));
  }
  return rows;
}

// The links of one slot as rows. A superseded slot that is linked to is stepped through: behind the row's own
// links stand, nearest steps first, the rows that can be reached through such slots, while there is room.
class LinkList {
 public:
  LinkList(const Graph& graph, const Rows& rows) : graph_(graph), rows_(rows), met_(rows.row_of.size(), 0) {}

  const std::vector<Slot>& of(Slot slot, int level) {
    const std::size_t places = graph_.places(level);
    constexpr std::size_t kSteps = 256;  // an index that was overwritten many times is mostly such slots
    ++lists_;
    links_.clear();
    open_.assign(1, slot);
    met_[slot] = lists_;
    for (std::size_t step = 0; step < open_.size() && step < kSteps; ++step) {
      const Slot* row = graph_.row(open_[step], level);
      for (std::size_t i = 0; i < places && row[i] != kNoSlot; ++i) {
        if (met_[row[i]] == lists_) continue;
        met_[row[i]] = lists_;
        if (rows_.row_of[row[i]] == kNoSlot) {
          open_.push_back(row[i]);
        } else if (links_.size() < places) {
          links_.push_back(rows_.row_of[row[i]]);
        }
      }
      if (links_.size() == places) break;
    }
    return links_;
  }

 private:
  const Graph& graph_;
  const Rows& rows_;
  std::vector<std::uint64_t> met_;  // per slot, the number of the last list that met it
  std::uint64_t lists_ = 0;
  std::vector<Slot> links_;  // of the present list
  std::vector<Slot> open_;   // slots whose links belong to it
};

// All lists of level 0, one behind the other, where stepping through superseded slots may have cut rows off.
std::vector<Slot> repaired_level0(const Graph& graph, const Rows& rows, LinkList& links, Slot entry_row) {
  const std::size_t places = graph.places(0);
  std::vector<Slot> all(rows.slots.size() * places, kNoSlot);
  for (std::size_t row = 0; row < rows.slots.size(); ++row) {
    const std::vector<Slot>& list = links.of(rows.slots[row], 0);
    std::copy(list.begin(), list.end(), all.begin() + static_cast<std::ptrdiff_t>(row * places));
  }
  reach_all(all, places, entry_row);
  return all;
}

struct Top {
  Slot slot;
  int level;
};

// The entry point, or where it was superseded the first row of the highest level that is left.
Top find_top(const Graph& graph, const Rows& rows) {
  const Entry entry = graph.entry();
  if (rows.row_of[entry.slot] != kNoSlot) return {entry.slot, entry.level};
  const Slot slot = *std::max_element(rows.slots.begin(), rows.slots.end(),
                                      [&graph](Slot a, Slot b) { return graph.level_of(a) < graph.level_of(b); });
  return {slot, graph.level_of(slot)};
}

Storage written_storage(const IndexConfig& config) {
  return is_voyagers(config.storage) ? config.storage : Storage::Float32;
}

void put_prelude(Output& out, const IndexConfig& config) {
  out.put("VOYA", 4);
  out.put_number(std::int32_t{1});
  out.put_number(config.dimensions);
  out.put_number(static_cast<std::uint8_t>(config.space));
  out.put_number(static_cast<std::uint8_t>(written_storage(config)));
  out.put_number(0.0f);             // max_norm
  out.put_number(std::uint8_t{0});  // transform
}

HnswHeader header_of(const IndexConfig& config, std::size_t rows, Slot entry_point, int max_level) {
  HnswHeader header{};
  header.max_elements = header.count = rows;
  header.M = header.maxM = config.M;
  header.maxM0 = 2 * header.M;
  header.data_offset = 4 + 4 * header.maxM0;
  header.label_offset = header.data_offset + config.dimensions * element_bytes(written_storage(config));
  header.bytes_per_element = header.label_offset + sizeof(Id);
  header.max_level = max_level;
  header.entry_point = entry_point;
  header.mult = 1.0 / std::log(static_cast<double>(config.M));
  header.ef_construction = config.ef_construction;
  return header;
}

// u16 count, two bytes (the first holds the flags of level 0), then all places, unused ones 0.
void put_links(Output& out, std::span<const Slot> links, std::size_t places, std::uint8_t flags) {
  static constexpr Slot kUnused = 0;
  out.put_number(static_cast<std::uint16_t>(links.size()));
  out.put_number(flags);
  out.put_number(std::uint8_t{0});
  out.put(links.data(), links.size_bytes());
  for (std::size_t i = links.size(); i < places; ++i) out.put_number(kUnused);
}

// `buffer` is used where vectors are not written as they are kept.
void put_vector(Output& out, const State& state, const Metric& metric, Slot slot, std::vector<float>& buffer) {
  if (is_voyagers(metric.storage)) {
    return out.put(state.vectors.row(slot), metric.dimensions * element_bytes(metric.storage));
  }
  held_vector(state, metric, state.code_plane.get(), slot, buffer.data());
  out.put(buffer.data(), metric.dimensions * sizeof(float));
}

}  // namespace

void write_voyager_index(const State& state, const ByteSink& sink) {
  const FlagsCopy flags = copy_flags(state);
  const IndexConfig& config = state.config;
  const Graph& graph = state.graph;
  const Rows rows = number_rows(flags);
  if (rows.slots.empty()) {
    throw InvalidInput("the index is empty, and Voyager cannot load an empty file; add rows first, or save it as .nf");
  }
  const Top top = find_top(graph, rows);
  // Voyager refuses an entry point other than row 0 that is on level 0 only: such a one gets a level without links.
  const bool raise_top = top.level == 0 && rows.row_of[top.slot] != 0;

  Output out(sink);
  put_prelude(out, config);
  const HnswHeader header = header_of(config, rows.slots.size(), rows.row_of[top.slot], raise_top ? 1 : top.level);
  out.put(&header, sizeof header);
  LinkList links(graph, rows);
  const Metric metric(config, active_level());
  std::vector<float> buffer(metric.padded);
  const std::size_t places = graph.places(0);
  std::vector<Slot> level0;  // empty where nothing has died: then the links are those of the graph
  if (flags.num_superseded > 0) level0 = repaired_level0(graph, rows, links, rows.row_of[top.slot]);
  for (std::size_t row = 0; row < rows.slots.size(); ++row) {
    const Slot slot = rows.slots[row];
    const std::uint8_t deleted = (flags.bytes[slot] & kMarked) != 0 ? 1 : 0;
    if (level0.empty()) {
      put_links(out, links.of(slot, 0), places, deleted);
    } else {
      const Slot* list = level0.data() + row * places;
      put_links(out, {list, degree(list, places)}, places, deleted);
    }
    put_vector(out, state, metric, slot, buffer);
    out.put(state.ids.row(slot), sizeof(Id));
  }
  const std::size_t list_bytes = 4 + 4 * graph.places(1);
  for (const Slot slot : rows.slots) {
    const int level_of_row = graph.level_of(slot);
    const bool raised = raise_top && slot == top.slot;
    out.put_number(static_cast<std::uint32_t>(list_bytes * static_cast<std::size_t>(raised ? 1 : level_of_row)));
    if (raised) put_links(out, {}, graph.places(1), 0);
    for (int level = 1; level <= level_of_row; ++level) put_links(out, links.of(slot, level), graph.places(level), 0);
  }
  out.flush();
}

}  // namespace nearfield
