// What a graph must fulfil whoever wrote it; run on every file that is read whole.
#include <string>
#include <vector>

#include "graph/graph.h"

namespace nearfield {
namespace {

std::string at(Slot slot, int level) { return "slot " + std::to_string(slot) + " on level " + std::to_string(level); }

// Empty, or what is wrong with one row. `seen` remembers, per target, the last row that named it.
std::string check_row(const Graph& graph, std::size_t count, Slot slot, int level, const std::vector<bool>& vacant,
                      std::vector<std::uint64_t>& seen, std::uint64_t row_number) {
  const std::uint32_t* row = graph.row(slot, level);
  const std::size_t places = graph.places(level);
  const std::size_t links = degree(row, places);
  for (std::size_t i = 0; i < links; ++i) {
    const Slot target = row[i];
    if (target >= count) {
      return at(slot, level) + " links to slot " + std::to_string(target) + ", but there are only " +
             std::to_string(count);
    }
    if (target == slot) return at(slot, level) + " links to itself";
    if (vacant[target] && !vacant[slot])
      return at(slot, level) + " links to slot " + std::to_string(target) + ", which holds no row";
    if (graph.level_of(target) < level) {
      return at(slot, level) + " links to slot " + std::to_string(target) + ", which is not on that level";
    }
    if (seen[target] == row_number) return at(slot, level) + " links to slot " + std::to_string(target) + " twice";
    seen[target] = row_number;
  }
  for (std::size_t i = links; i < places; ++i) {
    if (row[i] != kNoSlot) return at(slot, level) + " has a link behind its end";
  }
  return {};
}

}  // namespace

std::string validate(const Graph& graph, std::size_t count, const std::function<bool(Slot)>& is_vacant) {
  const Entry entry = graph.entry();
  std::vector<bool> vacant(count, false);
  bool all_vacant = true;
  for (std::size_t slot = 0; slot < count; ++slot) {
    vacant[slot] = is_vacant && is_vacant(static_cast<Slot>(slot));
    all_vacant = all_vacant && vacant[slot];
  }
  if (all_vacant && entry.slot != kNoSlot) return "an empty graph has an entry point";
  if (!all_vacant && (entry.slot >= count || vacant[entry.slot])) {
    return "the entry point is slot " + std::to_string(entry.slot) + " of " + std::to_string(count) +
           ", or one that holds no row";
  }

  // Levels first: the rows of a slot may be read only once its place among the upper rows is known good.
  std::vector<bool> owned(graph.upper_rows, false);
  for (std::size_t slot = 0; slot < count; ++slot) {
    const int level = graph.level_of(static_cast<Slot>(slot));
    if (level > entry.level && !vacant[slot])
      return "slot " + std::to_string(slot) + " is above the entry point's level";
    const std::size_t first = *graph.upper_of.at<Slot>(slot);
    if (level == 0) {
      if (first != kNoSlot) return "slot " + std::to_string(slot) + " has upper rows but no level";
      continue;
    }
    for (std::size_t i = first; i < first + static_cast<std::size_t>(level); ++i) {
      if (i >= graph.upper_rows) return "the upper rows of slot " + std::to_string(slot) + " lie outside";
      if (owned[i]) return "an upper row belongs to slot " + std::to_string(slot) + " and to another";
      owned[i] = true;
    }
  }
  if (!all_vacant && graph.level_of(entry.slot) != entry.level) return "the entry point does not have the top level";

  std::vector<std::uint64_t> seen(count, 0);
  std::uint64_t row_number = 0;
  for (std::size_t slot = 0; slot < count; ++slot) {
    for (int level = 0; level <= graph.level_of(static_cast<Slot>(slot)); ++level) {
      std::string fault = check_row(graph, count, static_cast<Slot>(slot), level, vacant, seen, ++row_number);
      if (!fault.empty()) return fault;
    }
  }
  return {};
}

}  // namespace nearfield
