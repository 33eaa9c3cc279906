#include "maintain/repair.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "build/adopt.h"
#include "build/blurred.h"
#include "build/connect.h"
#include "build/link_back.h"
#include "threads.h"
#include "walk/beam.h"
#include "walk/query.h"

namespace nearfield {
namespace {

constexpr std::size_t kDueShare = 16;      // one in so many slots is dead
constexpr std::size_t kSlotsPerStep = 64;  // of a parallel loop
constexpr std::size_t kSlotsPerPoll = 1 << 14;

bool is_leaving(const State& state, Slot slot) { return (flags_of(state, slot) & kLeaving) != 0; }
bool is_dead(const State& state, Slot slot) { return (flags_of(state, slot) & kDead) != 0; }

// How rows are compared: by codes where there are any, and by vectors where those cannot tell rows apart.
struct Ways {
  Reading rule;
  Reading vectors;
};

Ways ways_of(const State& state, const Metric& metric) {
  const Reading rule = read_state(state, metric);
  return {rule, {&state, rule.entry, vectors_of(rule.view, state), metric.walks, nullptr, nullptr}};
}

// What one thread works in.
struct Workspace {
  std::vector<Slot> kept, gone, candidates;
  std::vector<Slot> before;  // the links that stay of a row, before it chooses anew
  std::vector<Slot> few;     // slots to which few links lead now
  std::vector<std::uint32_t> keys, chosen;
  std::vector<std::uint64_t> entries;
};

// Links of dead rows that a row which loses them may take: neither dead, nor the row, nor what it has.
void collect(const State& state, Slot slot, int level, Workspace& space) {
  space.candidates = space.kept;
  const std::size_t places = state.graph.places(level);
  for (const Slot dead : space.gone) {
    const std::uint32_t* row = state.graph.row(dead, level);
    for (std::size_t i = 0; i < places && row[i] != kNoSlot; ++i) {
      if (row[i] != slot && !is_dead(state, row[i])) space.candidates.push_back(row[i]);
    }
  }
  std::sort(space.candidates.begin(), space.candidates.end());
  space.candidates.erase(std::unique(space.candidates.begin(), space.candidates.end()), space.candidates.end());
}

// The candidates by their distance from the row. Returns the row as a query.
const void* compare(const Reading& by, Slot slot, void* buffer, Workspace& space) {
  const void* query = by.query_of(slot, buffer);
  space.keys.resize(space.candidates.size());
  by.walks->keys(by.view, query, space.candidates.data(), space.candidates.size(), space.keys.data());
  space.entries.clear();
  for (std::size_t i = 0; i < space.candidates.size(); ++i) {
    space.entries.push_back(make_entry(space.keys[i], space.candidates[i]));
  }
  std::sort(space.entries.begin(), space.entries.end());
  return query;
}

void choose_links(State& state, const Metric& metric, const Ways& ways, Slot slot, int level, Scratch& scratch,
                  Workspace& space) {
  const std::size_t places = state.graph.places(level);
  scratch.fit(0, 1, 1, places, metric.padded);
  void* buffer = ways.rule.codes != nullptr ? static_cast<void*>(scratch.codes()) : scratch.query();
  const void* query = compare(ways.rule, slot, buffer, space);
  const bool by_vectors = is_blurred(state, ways.rule.codes, query, space.entries);
  if (by_vectors) compare(ways.vectors, slot, scratch.query(), space);
  const Reading& by = by_vectors ? ways.vectors : ways.rule;
  shuffle_ties(space.entries.data(), space.entries.size(), slot);
  space.chosen.resize(places);
  const std::size_t n = by.walks->prune(by.view, space.entries.data(), space.entries.size(), places,
                                        metric.alpha_percent, scratch.decoded(), space.chosen.data());
  space.kept.clear();
  for (std::size_t i = 0; i < n; ++i) space.kept.push_back(entry_slot(space.entries[space.chosen[i]]));
}

bool holds(const std::vector<Slot>& slots, Slot slot) {
  return std::find(slots.begin(), slots.end(), slot) != slots.end();
}

// Of the links that stay or come; dead rows need not be counted.
void count_changes(Graph& graph, Workspace& space) {
  for (const Slot slot : space.kept) {
    if (!holds(space.before, slot)) graph.count_link(slot);
  }
  for (const Slot slot : space.before) {
    if (!holds(space.kept, slot) && graph.discount_link(slot)) space.few.push_back(slot);
  }
}

// What a slot that leaves led to.
void discount_links(Graph& graph, Slot slot, Workspace& space) {
  const Slot* row = graph.row(slot, 0);
  for (std::size_t i = 0; i < graph.places(0) && row[i] != kNoSlot; ++i) {
    if (graph.discount_link(row[i])) space.few.push_back(row[i]);
  }
}

void repair_row(State& state, const Metric& metric, ScratchPool& pool, const Ways& ways, Slot slot, int level,
                Workspace& space) {
  Graph& graph = state.graph;
  std::uint32_t* row = graph.row(slot, level);
  const std::size_t places = graph.places(level);
  space.kept.clear();
  space.gone.clear();
  for (std::size_t i = 0; i < places && row[i] != kNoSlot; ++i) {
    (is_leaving(state, row[i]) ? space.gone : space.kept).push_back(row[i]);
  }
  if (space.gone.empty()) return;
  space.before = space.kept;
  if (!is_dead(state, slot)) {
    collect(state, slot, level, space);
    const ScratchPool::Lease scratch = pool.lend();
    choose_links(state, metric, ways, slot, level, *scratch, space);
  }
  store_row(graph.row_to_change(slot, level), places, space.kept.data(), space.kept.size());
  if (level == 0) count_changes(graph, space);
}

void repair_counting(State& state, const Metric& metric, ScratchPool& pool, std::size_t first, std::size_t last,
                     std::size_t num_threads) {
  const ScratchPool::Lease lease = pool.lend();  // codes that are read stay
  const Ways ways = ways_of(state, metric);
  const std::size_t steps = (last - first + kSlotsPerStep - 1) / kSlotsPerStep;
  std::vector<Workspace> spaces(resolve_threads(num_threads, steps));
  parallel_for(steps, num_threads, [&](std::size_t worker, std::size_t step) {
    const std::size_t begin = first + step * kSlotsPerStep;
    for (std::size_t i = begin; i < std::min(begin + kSlotsPerStep, last); ++i) {
      const auto slot = static_cast<Slot>(i);
      if (is_leaving(state, slot)) discount_links(state.graph, slot, spaces[worker]);
      if ((flags_of(state, slot) & (kLeaving | kUnlinked | kFree)) != 0) continue;
      for (int level = 0; level <= state.graph.level_of(slot); ++level) {
        repair_row(state, metric, pool, ways, slot, level, spaces[worker]);
      }
    }
  });
  std::vector<Slot> few;
  for (const Workspace& space : spaces) few.insert(few.end(), space.few.begin(), space.few.end());
  adopt(state, std::move(few));
}

// The same; when memory ends on the way, what was counted so far would be counted again.
void repair_slots(State& state, const Metric& metric, ScratchPool& pool, std::size_t first, std::size_t last,
                  std::size_t num_threads) {
  try {
    repair_counting(state, metric, pool, first, last, num_threads);
  } catch (...) {
    count_links(state);
    throw;
  }
}

void begin(State& state, const UnderIdLock& under_id_lock) {
  Repair& repair = state.repair;
  repair.end = state.count.load(std::memory_order_relaxed);
  repair.next = 0;
  repair.num_leaving = 0;
  under_id_lock([&] {
    for (std::size_t i = 0; i < repair.end; ++i) {
      const auto slot = static_cast<Slot>(i);
      if ((flags_of(state, slot) & (kDead | kUnlinked)) != kDead) continue;
      set_flags(state, slot, flags_of(state, slot) | kLeaving);
      ++repair.num_leaving;
    }
  });
  if (repair.num_leaving == 0) repair.next = repair.end;
}

// The slot of the highest level that stays, also where its row has died since: no slot may be above the entry point. Of
// several a live one, and of these the first.
Entry find_entry(const State& state) {
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  Entry best;
  bool best_is_dead = true;
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = static_cast<Slot>(i);
    const std::uint8_t flags = flags_of(state, slot);
    if ((flags & (kLeaving | kUnlinked | kFree)) != 0) continue;
    const bool dead = (flags & kDead) != 0;
    const int level = state.graph.level_of(slot);
    if (level < best.level || (level == best.level && (dead || !best_is_dead))) continue;
    best = {slot, level};
    best_is_dead = dead;
  }
  return best;
}

void end(State& state, const Metric& metric, ScratchPool& pool, bool may_sweep, const UnderIdLock& under_id_lock) {
  Repair& repair = state.repair;
  const Entry entry = state.graph.entry();
  if (entry.slot != kNoSlot && is_leaving(state, entry.slot)) state.graph.set_entry(find_entry(state));
  if (may_sweep) connect(state, metric, pool, {});
  state.unswept = may_sweep ? 0 : state.count.load(std::memory_order_relaxed);
  repair.unlinked.reserve(repair.unlinked.size() + 1);
  std::vector<Slot> unlinked;
  unlinked.reserve(repair.num_leaving);
  under_id_lock([&] {
    for (std::size_t i = 0; i < repair.end; ++i) {
      const auto slot = static_cast<Slot>(i);
      if (!is_leaving(state, slot)) continue;
      set_flags(state, slot, static_cast<std::uint8_t>((flags_of(state, slot) & ~kLeaving) | kUnlinked));
      unlinked.push_back(slot);
    }
  });
  repair.num_leaving = 0;
  repair.unlinked.push_back({pool.advance(), std::move(unlinked)});
}

}  // namespace

std::size_t num_dead_unrepaired(const State& state) {
  std::size_t waiting = state.repair.num_leaving;
  for (const Waiting& group : state.repair.unlinked) waiting += group.slots.size();
  return state.census.dead.load(std::memory_order_relaxed) - waiting;
}

void repair_some(State& state, const Metric& metric, ScratchPool& pool, const RepairWork& work,
                 const UnderIdLock& under_id_lock) {
  Repair& repair = state.repair;
  if (repair.num_leaving == 0) {
    if (num_dead_unrepaired(state) * kDueShare <= state.count.load(std::memory_order_relaxed)) return;
    begin(state, under_id_lock);
  }
  const std::size_t last = repair.next + std::min(work.slots, repair.end - repair.next);
  repair_slots(state, metric, pool, repair.next, last, work.num_threads);
  repair.next = last;
  if (repair.next < repair.end) return;
  end(state, metric, pool, work.may_sweep, under_id_lock);
  settle_slots(state, pool, under_id_lock);
}

void repair_all(State& state, const Metric& metric, ScratchPool& pool, std::size_t num_threads, const Poll& poll,
                const UnderIdLock& under_id_lock) {
  Repair& repair = state.repair;
  // One that may be under way, and one for the rows that have died since it began.
  for (int pass = repair.num_leaving > 0 ? 0 : 1; pass < 2; ++pass) {
    if (repair.num_leaving == 0) begin(state, under_id_lock);
    while (repair.next < repair.end) {
      const std::size_t last = repair.next + std::min(kSlotsPerPoll, repair.end - repair.next);
      repair_slots(state, metric, pool, repair.next, last, num_threads);
      repair.next = last;
      if (poll) poll(repair.next, repair.end);
    }
    if (repair.num_leaving > 0) end(state, metric, pool, true, under_id_lock);
  }
  if (state.unswept > 0) connect(state, metric, pool, poll);
  state.unswept = 0;
  settle_slots(state, pool, under_id_lock);
}

}  // namespace nearfield
