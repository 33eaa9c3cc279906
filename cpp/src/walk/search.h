// The walk: from the entry point down, then the beam search. Allocates nothing, writes nothing but its scratch,
// takes no lock.
//
// A walk waits for memory twice a hop: for a link row, and for the rows that it names. Two things hide it. The
// neighbours of the next slot are gathered and asked for before those of the present one are compared; so the next slot
// is chosen one hop early, which costs 2 to 6 % more distances (384-d text, recall .95 and .90, 2026-11). And several
// walks take turns, a hop each. Neither depends on the other: a walk finds the same, alone or among others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk/filter.h"
#include "walk/frontier.h"
#include "walk/hop.h"
#include "walk/log.h"

namespace nearfield {
namespace {

// In place of the kernel of the sketches, where a walk has none.
struct NoSketches {};
template <class Sketch>
inline constexpr bool kSketched = true;
template <>
inline constexpr bool kSketched<NoSketches> = false;

// The share of rows that may be returned among those compared last: the last eight hops count most.
struct PassRate {
  double tested = 0, passed = 0;
  void add(std::size_t num_tested, std::size_t num_passed) {
    tested = 0.875 * tested + static_cast<double>(num_tested);
    passed = 0.875 * passed + static_cast<double>(num_passed);
  }
  double share() const { return tested > 0 ? passed / tested : 1; }
};

// What a walk is doing.
struct Walk {
  WalkJob* job;
  Beam beam;            // the nearest job.ef that may be returned
  Frontier frontier;    // of a selective walk: what was met and not yet followed, whether it may be returned or not
  std::uint64_t entry;  // the slot whose neighbours were gathered last; on the way down the nearest so far
  int level;            // of their links
  int now;              // which of the scratch's hops is compared next
  PassRate rate;        // of a selective walk: where it is
  std::uint64_t until;  // scratch.num_distances at which the walk ends
};

inline Side by_rows(const WalkView& view, const WalkJob& job) { return {&view.rows, job.query}; }
inline Side by_sketches(const WalkView& view, const WalkJob& job) { return {&view.sketches, job.sketch}; }

// What is gathered and compared first: sketches, where a walk has them.
template <class Kernel, class Sketch>
struct First {
  using Of = Sketch;
  static Side side(const WalkView& view, const WalkJob& job) { return by_sketches(view, job); }
};
template <class Kernel>
struct First<Kernel, NoSketches> {
  using Of = Kernel;
  static Side side(const WalkView& view, const WalkJob& job) { return by_rows(view, job); }
};

// Whether there is anything that a walk must not return. Such a walk is selective: it goes through those slots all the
// same, since the links of the others lead through them.
inline bool is_selective(const WalkView& view, const WalkJob& job) { return view.hide != 0 || job.filter != nullptr; }

// What is near enough to be of use. `returnable`: whether it may be returned is not asked again.
template <bool kSelective>
inline void keep(Walk& walk, std::uint64_t entry, bool returnable) {
  if (kSelective) walk.frontier.push(entry);
  if (!kSelective || returnable) walk.beam.insert(entry);
}

// How many of the nearest a selective walk keeps before it ends.
inline std::size_t num_wanted(const Walk& walk) {
  const WalkJob& job = *walk.job;
  if (job.least == 0) return job.ef;
  const double here = walk.rate.share();
  const double more = static_cast<double>(job.ef - job.least) * (here > job.share ? here : job.share);
  return job.least + static_cast<std::size_t>(more + 0.5);
}

// The next slot to expand, or false when the walk has ended: the nearest `ef` that may be returned are expanded.
template <bool kSelective>
inline bool choose(Walk& walk) {
  if constexpr (!kSelective) return walk.beam.pop(walk.job->ef, walk.entry);
  if (walk.frontier.empty()) return false;
  const std::size_t wanted = num_wanted(walk);
  if (walk.beam.size >= wanted && walk.frontier.top() > walk.beam.entries[wanted - 1]) return false;
  walk.entry = walk.frontier.top();
  walk.frontier.pop();
  return true;
}

// The same, as far as a walk knows now: it only falls.
inline std::uint64_t doubtful_until(const Walk& walk) {
  const Doubt& doubt = walk.job->doubt;
  const Beam& beam = walk.beam;
  return beam.size < doubt.k ? ~std::uint64_t{0} : doubtful_until(doubt, entry_key(beam.entries[doubt.k - 1]));
}

// Those of a hop below a bound, as entries. Which they are is a coin toss: picked without a branch.
inline std::size_t pick(const Hop& hop, const std::uint32_t* keys, std::uint64_t bound, std::uint64_t* out) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < hop.n; ++i) {
    out[n] = make_entry(keys[i], hop.slots[i]);
    n += out[n] < bound;
  }
  return n;
}

// Keep what is near of a hop that was compared.
inline void keep_near(Walk& walk, const Hop& hop) {
  WalkScratch& scratch = *walk.job->scratch;
  const std::size_t num_picked = pick(hop, scratch.keys, walk.beam.bound(), scratch.picked);
  for (std::size_t i = 0; i < num_picked; ++i) keep<false>(walk, scratch.picked[i], true);
  if (walk.job->doubt.k == 0) return;
  const std::uint64_t limit = doubtful_until(walk);
  const std::uint64_t below = limit + (limit != ~std::uint64_t{0});
  scratch.num_logged += pick(hop, scratch.keys, below, scratch.log + scratch.num_logged);
  bound_log(scratch, limit);
}

// The same of a selective walk: whether a slot may be returned is asked once, and only where it matters.
inline void keep_returnable(const WalkView& view, Walk& walk, const Hop& hop) {
  WalkScratch& scratch = *walk.job->scratch;
  const bool in_doubt = walk.job->doubt.k > 0;
  const std::uint64_t bound = walk.beam.bound();
  const std::uint64_t limit = in_doubt ? doubtful_until(walk) : 0;
  const std::uint64_t below = limit + (limit != ~std::uint64_t{0});
  const std::size_t num_picked = pick(hop, scratch.keys, bound > below ? bound : below, scratch.picked);
  std::size_t num_passed = 0;
  for (std::size_t i = 0; i < num_picked; ++i) {
    const std::uint64_t entry = scratch.picked[i];
    const bool returnable = may_return(view, walk.job->filter, entry_slot(entry), scratch);
    num_passed += returnable;
    if (entry < bound) keep<true>(walk, entry, returnable);
    scratch.log[scratch.num_logged] = entry;
    scratch.num_logged += in_doubt && returnable && entry <= limit;
  }
  scratch.num_tested += num_picked;
  scratch.num_passed += num_passed;
  walk.rate.add(num_picked, num_passed);
  bound_log(scratch, limit);
}

// Compare what was gathered and keep what is near.
template <class Kernel, bool kSelective>
inline void take(const WalkView& view, Walk& walk, const Hop& hop, const Hop* ahead) {
  if (!compare<Kernel>(view, by_rows(view, *walk.job), hop, *walk.job->scratch, ahead)) return;
  if constexpr (kSelective) {
    keep_returnable(view, walk, hop);
  } else {
    keep_near(walk, hop);
  }
}

// The furthest that a row may be, as sketches tell it, and still be of use to the walk or in doubt.
inline std::uint32_t furthest_sketch(const Walk& walk) {
  std::uint64_t limit = walk.beam.bound();
  if (walk.job->doubt.k > 0) {
    const std::uint64_t doubtful = doubtful_until(walk);
    limit = doubtful > limit ? doubtful : limit;
  }
  const double furthest = limit == ~std::uint64_t{0} ? 4294967295.0 : walk.job->sketch_factor * entry_key(limit);
  return furthest < 4294967295.0 ? static_cast<std::uint32_t>(furthest) : 0xFFFFFFFFu;
}

// Compare the sketches of what was gathered, leave out what cannot be near enough, and ask memory for the others. A row
// that is left out is met once, and counted once, as all others.
template <class Sketch>
inline void leave_out(const WalkView& view, Walk& walk, Hop& hop) {
  WalkScratch& scratch = *walk.job->scratch;
  if (!compare<Sketch>(view, by_sketches(view, *walk.job), hop, scratch, nullptr)) {
    hop.n = 0;
    return;
  }
  const std::uint32_t most = furthest_sketch(walk);
  const RowsView rows = view.rows;
  std::size_t n = 0;
  for (std::size_t i = 0; i < hop.n; ++i) {  // all of them stay in the list of those that were met
    scratch.passed[n] = hop.slots[i];
    n += scratch.keys[i] <= most;
  }
  for (std::size_t i = 0; i < n; ++i) {
    hop.rows[i] = rows.row(scratch.passed[i]);
    prefetch(hop.rows[i], rows.stride);
  }
  if (n > 0) hop.rows[n] = hop.rows[n + 1] = hop.rows[n + 2] = hop.rows[n - 1];
  scratch.num_distances -= n;
  hop.slots = scratch.passed;
  hop.n = n;
}

// The nearest of the gathered ones, if nearer than `entry`.
template <class Kernel>
inline bool move_on(const WalkView& view, Side side, const Hop& hop, WalkScratch& scratch, std::uint64_t& entry) {
  const std::uint64_t before = entry;
  if (!compare<Kernel>(view, side, hop, scratch, nullptr)) return false;
  for (std::size_t i = 0; i < hop.n; ++i) {
    const std::uint64_t candidate = make_entry(scratch.keys[i], hop.slots[i]);
    entry = candidate < entry ? candidate : entry;
  }
  return entry != before;
}

// Compare `slot` itself: where a walk begins. False where it does not exist or cannot be read.
template <class Kernel>
inline bool begin(const WalkView& view, Side side, std::uint32_t slot, WalkScratch& scratch, std::uint64_t& entry) {
  if (slot >= view.count) return false;
  Hop& hop = scratch.hops[0];
  hop.slots = scratch.met;
  hop.slots[0] = slot;
  for (int i = 0; i < 4; ++i) hop.rows[i] = side.rows->row(slot);
  hop.n = 1;
  if (!compare<Kernel>(view, side, hop, scratch, nullptr)) return false;
  entry = make_entry(scratch.keys[0], slot);
  return true;
}

template <class Kernel>
std::uint32_t descend(const WalkView& view, const void* query, std::uint32_t slot, int from, int to,
                      WalkScratch& scratch) {
  std::uint64_t entry = 0;
  const Side side{&view.rows, query};
  if (from < to || !begin<Kernel>(view, side, slot, scratch, entry)) return slot;
  Hop& hop = scratch.hops[0];
  for (int level = from; level >= to && !scratch.damaged; --level) {
    mark_visited(scratch, entry_slot(entry));
    do {
      gather(view, view.rows, entry_slot(entry), level, scratch, hop);
      ask_for<Kernel>(hop, 0, hop.n, view.rows.stride);
    } while (move_on<Kernel>(view, side, hop, scratch, entry));
    clear_visited(scratch);  // a slot met on one level must be met again on the next
  }
  return entry_slot(entry);
}

// Gather the neighbours of the slot that was chosen last. Where they are not compared in this turn's time, `ask`.
template <class Kernel, class Sketch>
inline void follow(const WalkView& view, Walk& walk, Hop& hop, bool ask) {
  using What = First<Kernel, Sketch>;
  WalkScratch& scratch = *walk.job->scratch;
  const RowsView& rows = *What::side(view, *walk.job).rows;
  gather(view, rows, entry_slot(walk.entry), walk.level, scratch, hop);
  if (ask || kSketched<Sketch>) ask_for<typename What::Of>(hop, 0, hop.n, rows.stride);
  scratch.num_hops += walk.level == 0 && walk.level == walk.job->to;
}

// The links of the slot that comes next, if nothing nearer turns up.
template <bool kSelective>
inline void ask_for_links(const WalkView& view, Walk& walk) {
  if (walk.level != 0) return;
  std::uint64_t next = 0;
  if constexpr (kSelective) {
    if (!walk.frontier.empty()) prefetch_links(view, entry_slot(walk.frontier.top()));
  } else if (walk.beam.peek(walk.beam.capacity, next)) {
    prefetch_links(view, entry_slot(next));
  }
}

// The beam, with the slot where the way down has ended.
template <class Kernel, class Sketch, bool kSelective>
inline void begin_beam(const WalkView& view, Walk& walk) {
  WalkScratch& scratch = *walk.job->scratch;
  clear_visited(scratch);
  if constexpr (kSketched<Sketch>) {  // a damaged file: the walk ends
    if (!begin<Kernel>(view, by_rows(view, *walk.job), entry_slot(walk.entry), scratch, walk.entry)) return;
  }
  mark_visited(scratch, entry_slot(walk.entry));
  walk.level = walk.job->to;
  walk.beam = {scratch.beam, walk.job->ef};
  walk.beam.clear();
  walk.frontier = {scratch.frontier, scratch.frontier_capacity};
  const bool returnable = !kSelective || may_return(view, walk.job->filter, entry_slot(walk.entry), scratch);
  keep<kSelective>(walk, walk.entry, returnable);
  scratch.num_logged = walk.job->doubt.k > 0 && returnable ? 1 : 0;
  if (scratch.num_logged > 0) scratch.log[0] = walk.entry;
  choose<kSelective>(walk);
  follow<Kernel, Sketch>(view, walk, scratch.hops[walk.now], true);
}

// False when there is nothing to walk: no slot, or a damaged file.
template <class Kernel, class Sketch, bool kSelective>
inline bool start(const WalkView& view, Walk& walk) {
  WalkJob& job = *walk.job;
  job.result = {job.scratch->beam, 0};
  job.scratch->num_logged = 0;  // of the walk before, should this one end on the way down
  job.scratch->undecided = false;
  job.scratch->cut_short = false;
  walk.until = job.most_distances > ~std::uint64_t{0} - job.scratch->num_distances
                   ? ~std::uint64_t{0}
                   : job.scratch->num_distances + job.most_distances;
  using What = First<Kernel, Sketch>;
  if (!begin<typename What::Of>(view, What::side(view, job), job.start, *job.scratch, walk.entry)) return false;
  walk.level = job.from;
  if (walk.level <= job.to) {
    begin_beam<Kernel, Sketch, kSelective>(view, walk);
  } else {
    mark_visited(*job.scratch, entry_slot(walk.entry));
    follow<Kernel, Sketch>(view, walk, job.scratch->hops[walk.now], true);
  }
  return true;
}

// A hop on the way down: by sketches alone where there are any, since all that is wanted is a place to begin.
template <class Kernel, class Sketch, bool kSelective>
inline void step_down(const WalkView& view, Walk& walk) {
  WalkScratch& scratch = *walk.job->scratch;
  Hop& hop = scratch.hops[walk.now];
  using What = First<Kernel, Sketch>;
  if (!move_on<typename What::Of>(view, What::side(view, *walk.job), hop, scratch, walk.entry)) {
    if (--walk.level == walk.job->to) return begin_beam<Kernel, Sketch, kSelective>(view, walk);
    clear_visited(scratch);  // a slot met on one level must be met again on the next
    mark_visited(scratch, entry_slot(walk.entry));
  }
  follow<Kernel, Sketch>(view, walk, hop, true);
}

// A hop of the beam search. False when the walk has ended.
template <class Kernel, class Sketch, bool kSelective>
inline bool step(const WalkView& view, Walk& walk) {
  WalkScratch& scratch = *walk.job->scratch;
  Hop& now = scratch.hops[walk.now];
  Hop& next = scratch.hops[1 - walk.now];
  if constexpr (kSketched<Sketch>) leave_out<Sketch>(view, walk, now);
  const bool early = choose<kSelective>(walk);
  if (early) {
    follow<Kernel, Sketch>(view, walk, next, false);
    ask_for_links<kSelective>(view, walk);
  }
  take<Kernel, kSelective>(view, walk, now, early && !kSketched<Sketch> ? &next : nullptr);
  if (kSelective && scratch.num_distances >= walk.until) {
    scratch.cut_short = true;
    return false;
  }
  if (!early) {
    if (!choose<kSelective>(walk)) return false;
    follow<Kernel, Sketch>(view, walk, next, true);
  }
  ask_for_links<kSelective>(view, walk);
  walk.now = 1 - walk.now;
  return true;
}

// Whether the k nearest lie within a small part of what rounding may do: codes tell none of them from the others, nor
// from rows that the walk has not met because it had no reason to look further.
inline bool are_alike(const Doubt& doubt, const Beam& beam) {
  if (doubt.k < 2 || beam.size < doubt.k) return false;
  const double first = entry_key(beam.entries[0]), kth = entry_key(beam.entries[doubt.k - 1]);
  return 8 * (kth - first) <= doubt.flat + doubt.rising * __builtin_sqrt(kth);
}

inline void finish(Walk& walk) {
  clear_visited(*walk.job->scratch);
  const Beam& beam = walk.beam;
  walk.job->result = {beam.entries, beam.size};
  WalkScratch& scratch = *walk.job->scratch;
  if (scratch.num_logged == 0) return;
  const Doubt& doubt = walk.job->doubt;
  shorten_log(scratch, doubtful_until(walk));
  scratch.undecided |= scratch.num_logged > doubt.most || (scratch.num_logged > doubt.k && are_alike(doubt, beam));
}

inline constexpr std::size_t kMostTurns = 8;  // walks that take turns

template <class Kernel, class Sketch, bool kSelective>
void take_turns(const WalkView& view, WalkJob* jobs, std::size_t n) {
  Walk walks[kMostTurns] = {};
  Walk* busy[kMostTurns];
  std::size_t num_busy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    walks[i].job = &jobs[i];
    if (start<Kernel, Sketch, kSelective>(view, walks[i])) busy[num_busy++] = &walks[i];
  }
  while (num_busy > 0) {
    for (std::size_t i = 0; i < num_busy;) {
      Walk& walk = *busy[i];
      bool goes_on = true;
      if (walk.level > walk.job->to) {
        step_down<Kernel, Sketch, kSelective>(view, walk);
      } else {
        goes_on = step<Kernel, Sketch, kSelective>(view, walk);
      }
      if (goes_on && !walk.job->scratch->damaged) {
        ++i;
      } else {
        finish(walk);
        busy[i] = busy[--num_busy];
      }
    }
  }
}

// Of one kind all of them, selective or not.
template <class Kernel, class Sketch = NoSketches>
void search(const WalkView& view, WalkJob* jobs, std::size_t n) {
  for (std::size_t first = 0; first < n;) {
    const bool selective = is_selective(view, jobs[first]);
    std::size_t end = first + 1;
    while (end < n && end - first < kMostTurns && is_selective(view, jobs[end]) == selective) ++end;
    if (selective) {
      take_turns<Kernel, Sketch, true>(view, jobs + first, end - first);
    } else {
      take_turns<Kernel, Sketch, false>(view, jobs + first, end - first);
    }
    first = end;
  }
}

// Exact: every row in turn. Rows of a segment lie in sequence, so the machine's own prefetching serves.
template <class Kernel>
WalkResult scan(const WalkView& view, const SlotFilter* filter, const void* query, std::size_t first, std::size_t last,
                std::size_t wanted, WalkScratch& scratch) {
  Beam beam{scratch.beam, wanted};
  beam.clear();
  Hop& hop = scratch.hops[0];
  hop.slots = scratch.met;
  while (first < last) {
    hop.n = 0;
    for (; first < last && hop.n < 4; ++first) {
      const auto slot = static_cast<std::uint32_t>(first);
      if (!may_return(view, filter, slot, scratch)) continue;
      hop.slots[hop.n] = slot;
      hop.rows[hop.n++] = view.rows.row(slot);
    }
    for (std::size_t i = hop.n; i < 4 && hop.n > 0; ++i) hop.rows[i] = hop.rows[hop.n - 1];
    if (!compare<Kernel>(view, {&view.rows, query}, hop, scratch, nullptr)) break;
    for (std::size_t i = 0; i < hop.n; ++i) {
      const std::uint64_t candidate = make_entry(scratch.keys[i], hop.slots[i]);
      if (candidate < beam.bound()) beam.insert(candidate);
    }
  }
  return {beam.entries, beam.size};
}

}  // namespace
}  // namespace nearfield
