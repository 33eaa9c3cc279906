// The walk: from the entry point down, then the beam search. Allocates nothing, writes nothing but its scratch,
// takes no lock.
//
// A walk waits for memory twice a hop: for a link row, and for the rows that it names. Two ways hide it:
//   alone         the neighbours of the next slot are gathered and asked for before those of the present one are
//                 compared. So the next slot is chosen one hop early: a few more distances, the same at every level
//   taking turns  several walks, each a turn behind; a walk asks, and works again when the others have had their turn
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk/hop.h"

namespace nearfield {
namespace {

// What a walk is doing.
struct Walk {
  WalkJob* job;
  Beam beam;               // what was met, hidden ones included; ends at scratch.beam_capacity or at job.wanted
  Beam found;              // where slots are hidden: the nearest that may be returned
  std::uint64_t entry;     // the slot whose neighbours are gathered next; on the way down the nearest so far
  int level;               // of that slot's links
  bool finished = false;
};

// Entries at or above this are of no use to the walk.
inline std::uint64_t bound_of(const WalkView& view, const Walk& walk) {
  const std::uint64_t bound = walk.beam.bound();
  if (view.hide == 0) return bound;
  const std::uint64_t found = walk.found.bound();
  return found < bound ? found : bound;
}

inline void keep(const WalkView& view, Walk& walk, std::uint64_t entry) {
  if (view.hide != 0 && !is_hidden(view, entry_slot(entry))) walk.found.insert(entry);
  walk.beam.insert(entry);
}

// The next slot to expand, or false when the walk has ended: the nearest `ef` that may be returned are expanded.
inline bool choose(const WalkView& view, Walk& walk) {
  const std::size_t ef = walk.job->ef;
  if (view.hide == 0) return walk.beam.pop(ef, walk.entry);
  if (!walk.beam.peek(walk.beam.capacity, walk.entry)) return false;
  if (walk.found.size >= ef && walk.entry > walk.found.entries[ef - 1]) return false;
  return walk.beam.pop(walk.beam.capacity, walk.entry);
}

// Compare what was gathered and keep what is near.
template <class Kernel>
inline void take(const WalkView& view, Walk& walk, const Hop& hop, const Hop* ahead) {
  WalkScratch& scratch = *walk.job->scratch;
  if (!compare<Kernel>(view, walk.job->query, hop, scratch, ahead)) return;
  // Which are near enough is a coin toss as well: picked without a branch, then inserted.
  const std::uint64_t bound = bound_of(view, walk);
  std::uint64_t* picked = scratch.picked;
  std::size_t num_picked = 0;
  for (std::size_t i = 0; i < hop.n; ++i) {
    picked[num_picked] = make_entry(scratch.keys[i], hop.slots[i]);
    num_picked += picked[num_picked] < bound;
  }
  for (std::size_t i = 0; i < num_picked; ++i) keep(view, walk, picked[i]);
}

// The nearest of the gathered ones, if nearer than `entry`.
template <class Kernel>
inline bool move_on(const WalkView& view, const void* query, const Hop& hop, WalkScratch& scratch,
                    std::uint64_t& entry, const Hop* ahead) {
  const std::uint64_t before = entry;
  if (!compare<Kernel>(view, query, hop, scratch, ahead)) return false;
  for (std::size_t i = 0; i < hop.n; ++i) {
    const std::uint64_t candidate = make_entry(scratch.keys[i], hop.slots[i]);
    entry = candidate < entry ? candidate : entry;
  }
  return entry != before;
}

// Compare `slot` itself: where a walk begins. False where it does not exist or cannot be read.
template <class Kernel>
inline bool begin(const WalkView& view, const void* query, std::uint32_t slot, WalkScratch& scratch,
                  std::uint64_t& entry) {
  if (slot >= view.count) return false;
  Hop& hop = scratch.hops[0];
  hop.slots[0] = slot;
  for (int i = 0; i < 4; ++i) hop.rows[i] = view.rows.row(slot);
  hop.n = 1;
  if (!compare<Kernel>(view, query, hop, scratch, nullptr)) return false;
  entry = make_entry(scratch.keys[0], slot);
  return true;
}

template <class Kernel>
std::uint32_t descend(const WalkView& view, const void* query, std::uint32_t slot, int from, int to,
                      WalkScratch& scratch) {
  std::uint64_t entry = 0;
  if (from < to || !begin<Kernel>(view, query, slot, scratch, entry)) return slot;
  Hop& hop = scratch.hops[0];
  for (int level = from; level >= to && !scratch.damaged; --level) {
    mark_visited(scratch, entry_slot(entry));
    do {
      gather(view, entry_slot(entry), level, scratch, hop);
      ask_for<Kernel>(hop, 0, hop.n, view.rows.stride);
    } while (move_on<Kernel>(view, query, hop, scratch, entry, nullptr));
    clear_visited(scratch);  // a slot met on one level must be met again on the next
  }
  return entry_slot(entry);
}

// The beam with the slot where the way down has ended.
inline void begin_beam(const WalkView& view, Walk& walk) {
  WalkScratch& scratch = *walk.job->scratch;
  clear_visited(scratch);
  mark_visited(scratch, entry_slot(walk.entry));
  walk.level = walk.job->to;
  const std::size_t capacity = view.hide != 0 ? scratch.beam_capacity : walk.job->wanted;
  walk.beam = {scratch.beam, capacity};
  walk.found = {scratch.found, walk.job->wanted};
  walk.beam.clear();
  walk.found.clear();
  keep(view, walk, walk.entry);
  walk.finished = !choose(view, walk);
}

inline void finish(const WalkView& view, Walk& walk) {
  clear_visited(*walk.job->scratch);
  const Beam& beam = view.hide != 0 ? walk.found : walk.beam;
  walk.job->result = {beam.entries, beam.size};
  walk.finished = true;
}

inline void count_hop(const Walk& walk) { walk.job->scratch->num_hops += walk.level == 0; }

template <class Kernel>
void search_alone(const WalkView& view, WalkJob& job) {
  WalkScratch& scratch = *job.scratch;
  Walk walk{};
  walk.job = &job;
  job.result = {scratch.beam, 0};
  const std::uint32_t start = descend<Kernel>(view, job.query, job.start, job.from, job.to + 1, scratch);
  if (scratch.damaged || !begin<Kernel>(view, job.query, start, scratch, walk.entry)) return;
  begin_beam(view, walk);
  int now = 0;
  gather(view, entry_slot(walk.entry), walk.level, scratch, scratch.hops[now]);
  ask_for<Kernel>(scratch.hops[now], 0, scratch.hops[now].n, view.rows.stride);
  count_hop(walk);
  while (!scratch.damaged) {
    Hop& next = scratch.hops[1 - now];
    const bool early = choose(view, walk);
    if (early) {
      gather(view, entry_slot(walk.entry), walk.level, scratch, next);
      count_hop(walk);
      std::uint64_t after = 0;  // its link row, if nothing nearer turns up
      if (walk.level == 0 && walk.beam.peek(job.ef, after)) prefetch_links(view, entry_slot(after));
    }
    take<Kernel>(view, walk, scratch.hops[now], early ? &next : nullptr);
    if (!early) {
      if (!choose(view, walk)) break;
      gather(view, entry_slot(walk.entry), walk.level, scratch, next);
      ask_for<Kernel>(next, 0, next.n, view.rows.stride);
      count_hop(walk);
    }
    now = 1 - now;
  }
  finish(view, walk);
}

template <class Kernel>
inline void start_turns(const WalkView& view, Walk& walk) {
  WalkJob& job = *walk.job;
  job.result = {job.scratch->beam, 0};
  if (!begin<Kernel>(view, job.query, job.start, *job.scratch, walk.entry)) {
    walk.finished = true;
    return;
  }
  walk.level = job.from;
  if (walk.level > job.to) {
    mark_visited(*job.scratch, entry_slot(walk.entry));
  } else {
    begin_beam(view, walk);
  }
}

// Compare what was asked for and say where to go next; between, the rows of `ahead` are asked for.
template <class Kernel>
inline void step(const WalkView& view, Walk& walk, const Hop* ahead) {
  WalkJob& job = *walk.job;
  WalkScratch& scratch = *job.scratch;
  const Hop& hop = scratch.hops[0];
  if (walk.level > job.to) {
    if (!move_on<Kernel>(view, job.query, hop, scratch, walk.entry, ahead)) {
      --walk.level;
      clear_visited(scratch);
      mark_visited(scratch, entry_slot(walk.entry));
      if (walk.level == job.to) begin_beam(view, walk);
    }
  } else {
    count_hop(walk);
    take<Kernel>(view, walk, hop, ahead);
    walk.finished = !choose(view, walk);
  }
  if (scratch.damaged) walk.finished = true;
  if (walk.finished) return finish(view, walk);
  if (walk.level == 0) prefetch_links(view, entry_slot(walk.entry));
}

inline constexpr std::size_t kMostTurns = 8;  // walks that take turns

template <class Kernel>
void search_in_turns(const WalkView& view, WalkJob* jobs, std::size_t n) {
  Walk walks[kMostTurns] = {};
  Walk* busy[kMostTurns];
  std::size_t num_busy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    walks[i].job = &jobs[i];
    start_turns<Kernel>(view, walks[i]);
    if (walks[i].finished) continue;
    WalkScratch& scratch = *jobs[i].scratch;
    gather(view, entry_slot(walks[i].entry), walks[i].level, scratch, scratch.hops[0]);
    ask_for<Kernel>(scratch.hops[0], 0, scratch.hops[0].n, view.rows.stride);
    busy[num_busy++] = &walks[i];
  }
  // One walk compares; the one before it has just chosen a slot, whose links are on their way; the one before that has
  // its links, and its rows are asked for.
  Walk* chose = nullptr;
  Walk* chose_before = nullptr;
  for (std::size_t i = 0; num_busy > 0;) {
    if (i >= num_busy) i = 0;
    Walk* walk = busy[i];
    Hop* ahead = nullptr;
    if (chose_before != nullptr) {
      ahead = &chose_before->job->scratch->hops[0];
      gather(view, entry_slot(chose_before->entry), chose_before->level, *chose_before->job->scratch, *ahead);
    }
    if (walk == chose) {  // few are left: no time to wait for links
      gather(view, entry_slot(walk->entry), walk->level, *walk->job->scratch, walk->job->scratch->hops[0]);
      chose = nullptr;
    }
    if (walk == chose_before) {
      ask_for<Kernel>(*ahead, 0, ahead->n, view.rows.stride);
      ahead = nullptr;
    }
    step<Kernel>(view, *walk, ahead);
    chose_before = chose;
    chose = walk->finished ? nullptr : walk;
    if (walk->finished) {
      busy[i] = busy[--num_busy];
    } else {
      ++i;
    }
  }
}

template <class Kernel>
void search(const WalkView& view, WalkJob* jobs, std::size_t n) {
  if (n == 1) return search_alone<Kernel>(view, jobs[0]);
  for (std::size_t done = 0; done < n; done += kMostTurns) {
    search_in_turns<Kernel>(view, jobs + done, n - done < kMostTurns ? n - done : kMostTurns);
  }
}

// Exact: every row in turn. Rows of a segment lie in sequence, so the machine's own prefetching serves.
template <class Kernel>
WalkResult scan(const WalkView& view, const void* query, std::size_t first, std::size_t last, std::size_t wanted,
                WalkScratch& scratch) {
  Beam beam{scratch.beam, wanted};
  beam.clear();
  Hop& hop = scratch.hops[0];
  while (first < last) {
    hop.n = 0;
    for (; first < last && hop.n < 4; ++first) {
      const auto slot = static_cast<std::uint32_t>(first);
      if (view.hide != 0 && is_hidden(view, slot)) continue;
      hop.slots[hop.n] = slot;
      hop.rows[hop.n++] = view.rows.row(slot);
    }
    for (std::size_t i = hop.n; i < 4 && hop.n > 0; ++i) hop.rows[i] = hop.rows[hop.n - 1];
    if (!compare<Kernel>(view, query, hop, scratch, nullptr)) break;
    for (std::size_t i = 0; i < hop.n; ++i) {
      const std::uint64_t candidate = make_entry(scratch.keys[i], hop.slots[i]);
      if (candidate < beam.bound()) beam.insert(candidate);
    }
  }
  return {beam.entries, beam.size};
}

}  // namespace
}  // namespace nearfield
