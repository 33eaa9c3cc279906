#include "maintain/repair.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "build/adopt.h"
#include "build/blurred.h"
#include "build/connect.h"
#include "build/link_back.h"
#include "hash.h"
#include "threads.h"
#include "walk/beam.h"
#include "walk/query.h"
#include "walk/visited.h"

namespace nearfield {
namespace {

constexpr std::size_t kDueShare = 16;         // one in so many slots is dead
constexpr std::size_t kMuchLost = 3;          // one of so many links of a row
constexpr int kMoreSteps = 8;                 // then, through rows that leave
constexpr std::size_t kMostCandidates = 256;  // that choosing looks at, the nearest
constexpr std::size_t kSlotsPerStep = 64;     // of a parallel loop
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
  std::vector<Slot> kept, gone;         // links of a row: that stay, and to rows that leave
  std::vector<Slot> candidates, links;  // that it may take; that it takes
  std::vector<Slot> further, nearest;   // leaving ones that others lead to; those of them that are next
  std::vector<std::uint64_t> frontier;  // the former, by their distance
  std::vector<Slot> before;             // the links that stay of a row, before it chooses anew
  std::vector<Slot> few;                // slots to which few links lead now
  std::vector<std::uint32_t> keys, chosen;
  std::vector<std::uint64_t> entries;
};

// Where rows that leave lead to, but for slots that were met before: live rows to the candidates, what leaves as well
// to `further`.
void expand(const State& state, int level, std::span<const Slot> leaving, WalkScratch& scratch, Workspace& space) {
  for (const Slot dead : leaving) {
    const Slot* row = state.graph.row(dead, level);
    const std::size_t links = degree(row, state.graph.places(level));
    for (const Slot link : std::span(row, links)) {
      if (is_visited(scratch, link)) continue;
      mark_visited(scratch, link);
      if (is_leaving(state, link)) {
        space.further.push_back(link);
      } else if (!is_dead(state, link)) {
        space.candidates.push_back(link);
      }
    }
  }
}

// Others with their distance from the row, which is `query`, behind what there is in `entries`.
void compare(const Reading& by, const void* query, std::span<const Slot> others, Workspace& space,
             std::vector<std::uint64_t>& entries) {
  space.keys.resize(others.size());
  by.walks->keys(by.view, query, others.data(), others.size(), space.keys.data());
  for (std::size_t i = 0; i < others.size(); ++i) entries.push_back(make_entry(space.keys[i], others[i]));
}

bool holds(const std::vector<Slot>& slots, Slot slot) {
  return std::find(slots.begin(), slots.end(), slot) != slots.end();
}

// A link of a dead row that the slot does not have yet, by chance; kNoSlot where it has all of them.
Slot any_link_of(const State& state, Slot dead, Slot slot, int level, const std::vector<Slot>& kept) {
  const Slot* row = state.graph.row(dead, level);
  const std::size_t links = degree(row, state.graph.places(level));
  const std::size_t first = links == 0 ? 0 : mix64(std::uint64_t{slot} << 32 | dead) % links;
  for (std::size_t i = 0; i < links; ++i) {
    const Slot link = row[(first + i) % links];
    if (link != slot && !is_dead(state, link) && !holds(kept, link)) return link;
  }
  return kNoSlot;
}

// The slots that are marked in scratch memory, until the end of a scope.
struct Marks {
  explicit Marks(WalkScratch& in) : scratch(in) {}
  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;
  ~Marks() { clear_visited(scratch); }
  WalkScratch& scratch;
};

// The candidates of a row, with what it has. Where a third of its links are lost and more, those of the dead ones lead
// to others that are dead, and the few that are left lie far: then it goes on through the nearest of the dead. 90 of
// 100 rows of 8,000 x 32 and of 8,000 x 64 (cosine) removed in one call, recall@10 at ef 10: .905 and .822 without,
// .978 and .975 with, built anew .979 and .982 (M=12, 2026-11-27).
void find_candidates(const State& state, const Reading& by, const void* query, Slot slot, int level,
                     WalkScratch& scratch, Workspace& space) {
  space.candidates = space.kept;
  space.further.clear();
  space.frontier.clear();
  const Marks marks(scratch);
  mark_visited(scratch, slot);
  for (const Slot link : space.kept) mark_visited(scratch, link);
  for (const Slot link : space.gone) mark_visited(scratch, link);
  expand(state, level, space.gone, scratch, space);
  const bool lost_much = space.gone.size() * kMuchLost > space.kept.size() + space.gone.size();
  for (int step = 0; lost_much && step < kMoreSteps; ++step) {
    compare(by, query, space.further, space, space.frontier);
    const std::size_t n = std::min(space.frontier.size(), state.graph.places(level));
    const auto end = space.frontier.begin() + static_cast<std::ptrdiff_t>(n);
    std::nth_element(space.frontier.begin(), end, space.frontier.end());
    space.further.clear();
    space.nearest.clear();
    for (auto entry = space.frontier.begin(); entry != end; ++entry) space.nearest.push_back(entry_slot(*entry));
    space.frontier.erase(space.frontier.begin(), end);
    expand(state, level, space.nearest, scratch, space);
  }
}

// The nearest candidates, ascending.
void rank(const Reading& by, const void* query, Workspace& space) {
  space.entries.clear();
  compare(by, query, space.candidates, space, space.entries);
  const std::size_t n = std::min(space.entries.size(), kMostCandidates);
  const auto end = space.entries.begin() + static_cast<std::ptrdiff_t>(n);
  std::partial_sort(space.entries.begin(), end, space.entries.end());
  space.entries.resize(n);
}

// What prune() has chosen, in its order.
void take_chosen(std::size_t num_chosen, Workspace& space) {
  space.kept.clear();
  for (std::size_t i = 0; i < num_chosen; ++i) space.kept.push_back(entry_slot(space.entries[space.chosen[i]]));
}

// By inner products near are the same few long rows to all others: where free places were filled with those, walks
// would meet few rows besides. So the links that a row has stay in place of such, and every second one that is lost is
// replaced by one that the dead row had. Recall@10 at ef 50 of 6,000 x 40 rows of 12 clusters, with queries from
// anywhere, after 8 rounds that replace a tenth: .466 by prune() alone, .534 so, .590 built anew; of 17,632 x 64
// factors .999 in all three ways (2026-11-27).
void take_few_near(const State& state, Slot slot, int level, std::size_t num_chosen, Workspace& space) {
  const std::size_t places = state.graph.places(level);
  const auto chosen = [&space](std::size_t i) { return space.entries[space.chosen[i]]; };
  std::vector<Slot>& links = space.links;
  links.clear();
  const auto take = [&](Slot link) {
    const bool is_new = link != kNoSlot && links.size() < places && !holds(links, link);
    if (is_new) links.push_back(link);
    return is_new;
  };
  std::size_t next = 0;  // those that it does not only fill with come first, ascending
  do {
    take(entry_slot(chosen(next++)));
  } while (next < num_chosen && entry_key(chosen(next)) >= entry_key(chosen(next - 1)));
  for (const Slot link : space.kept) take(link);
  for (std::size_t i = 0; i < space.gone.size(); ++i) {
    if (i % 2 == 1 && take(any_link_of(state, space.gone[i], slot, level, links))) continue;
    while (next < num_chosen && !take(entry_slot(chosen(next++)))) continue;
  }
  space.kept.swap(links);
}

void choose_links(State& state, const Metric& metric, const Ways& ways, Slot slot, int level, Scratch& scratch,
                  Workspace& space) {
  const std::size_t places = state.graph.places(level);
  scratch.fit(state.count.load(std::memory_order_relaxed), 1, places, metric.padded);
  void* buffer = ways.rule.codes != nullptr ? static_cast<void*>(scratch.codes()) : scratch.query();
  const void* query = ways.rule.query_of(slot, buffer);
  find_candidates(state, ways.rule, query, slot, level, scratch.walk(), space);
  rank(ways.rule, query, space);
  const bool by_vectors = is_blurred(state, ways.rule.codes, query, space.entries);
  if (by_vectors) rank(ways.vectors, ways.vectors.query_of(slot, scratch.query()), space);
  const Reading& by = by_vectors ? ways.vectors : ways.rule;
  shuffle_ties(space.entries.data(), space.entries.size(), slot);
  space.chosen.resize(places);
  const std::size_t n = by.walks->prune(by.view, space.entries.data(), space.entries.size(), places,
                                        metric.alpha_percent, scratch.decoded(), space.chosen.data());
  if (state.config.space == Space::InnerProduct && n > 0) {
    take_few_near(state, slot, level, n, space);
  } else {
    take_chosen(n, space);
  }
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
