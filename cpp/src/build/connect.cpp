#include "build/connect.h"

#include <algorithm>
#include <vector>

#include "graph/reach.h"
#include "walk/beam.h"
#include "walk/query.h"

namespace nearfield {
namespace {

// How many links lead to each slot.
std::vector<std::uint32_t> links_to_each(const Graph& graph, std::size_t count) {
  std::vector<std::uint32_t> links(count, 0);
  const std::size_t places = graph.places(0);
  for (std::size_t slot = 0; slot < count; ++slot) {
    const std::uint32_t* row = graph.row(static_cast<Slot>(slot), 0);
    for (std::size_t i = 0; i < places && row[i] != kNoSlot; ++i) ++links[row[i]];
  }
  return links;
}

// Hang `slot` onto one of the reached ones found near it: the nearest with a free place; if none has
// one, between that to which the fewest links lead and its last link, which `slot` then links to instead. Rows to which
// many links lead are offered new ones all the time, and would soon let it go: by inner products a sweep hangs on
// many, since few rows are anybody's nearest.
void hang_on(State& state, Slot slot, const WalkResult& near, const std::vector<std::uint32_t>& links_to) {
  Graph& graph = state.graph;
  const std::size_t places = graph.places(0);
  for (std::size_t i = 0; i < near.size; ++i) {
    std::uint32_t* row = graph.row(entry_slot(near.entries[i]), 0);
    const std::size_t links = degree(row, places);
    if (links == places) continue;
    graph.row_to_change(entry_slot(near.entries[i]), 0);
    __atomic_store_n(row + links, slot, __ATOMIC_RELEASE);
    return;
  }
  const auto fewer = [&links_to](std::uint64_t a, std::uint64_t b) {
    return links_to[entry_slot(a)] < links_to[entry_slot(b)];
  };
  const std::uint64_t calm = *std::min_element(near.entries, near.entries + near.size, fewer);
  std::uint32_t* row = graph.row_to_change(entry_slot(calm), 0);
  const Slot moved = row[places - 1];
  std::uint32_t* own = graph.row_to_change(slot, 0);
  const std::size_t links = degree(own, places);
  if ((flags_of(state, moved) & kDead) == 0 && std::find(own, own + links, moved) == own + links) {
    const std::size_t place = links == places ? places - 1 : links;  // full: its furthest link gives way
    __atomic_store_n(own + place, moved, __ATOMIC_RELEASE);
  }
  __atomic_store_n(row + places - 1, slot, __ATOMIC_RELEASE);
}

}  // namespace

void connect(State& state, const Metric& metric, ScratchPool& pool, const Poll& poll) {
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  const Entry entry = state.graph.entry();
  if (entry.slot == kNoSlot) return;
  Reach reach = reach_of(state.graph, count);
  const std::size_t ef = std::min<std::size_t>(state.config.ef_construction, count);
  const ScratchPool::Lease scratch = pool.lend();
  const std::size_t dead = state.census.dead.load(std::memory_order_relaxed);
  scratch->fit(count, beam_for(ef, dead), ef, state.graph.places(0), metric.padded);
  Reading reading = read_state(state, metric);
  reading.view.hide = dead > 0 ? kDead | kLeaving | kUnlinked : 0;
  std::vector<std::uint32_t> links_to;  // counted where there is something to hang on
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = static_cast<Slot>(i);
    if (reach.has(slot) || (flags_of(state, slot) & (kDead | kFree)) != 0) continue;
    const void* query = reading.query_of(slot, scratch->decoded());
    const Slot nearest = reading.walks->descend(reading.view, query, entry.slot, entry.level, 1, scratch->walk());
    WalkJob job;
    job.query = query;
    // The walk begins at the entry point's side unless the descent ended on a slot that is itself cut off.
    job.start = reach.has(nearest) ? nearest : entry.slot;
    job.ef = ef;
    job.scratch = &scratch->walk();
    reading.walks->search(reading.view, &job, 1);
    if (job.result.size == 0) {  // nothing but dead rows
      WalkView all = reading.view;
      all.hide &= kLeaving | kUnlinked;
      reading.walks->search(all, &job, 1);
    }
    if (job.result.size == 0) continue;
    if (links_to.empty()) links_to = links_to_each(state.graph, count);
    hang_on(state, slot, job.result, links_to);
    reach.add(slot);
    if (poll) poll(count, count);
  }
}

}  // namespace nearfield
