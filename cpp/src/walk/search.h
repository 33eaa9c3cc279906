// The walk: gather the neighbours not yet met, ask for their vectors, compare them in batches, keep the
// nearest. Allocates nothing, writes nothing but its scratch, takes no lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/loop.h"
#include "walk/beam.h"
#include "walk/view.h"
#include "walk/visited.h"

namespace nearfield {
namespace {

inline constexpr std::uint32_t kEndOfRow = 0xFFFFFFFFu;  // kNoSlot

inline const std::uint32_t* link_row(const WalkView& view, std::uint32_t slot, int level, WalkScratch& scratch) {
  if (level == 0) return reinterpret_cast<const std::uint32_t*>(view.links.row(slot));
  const auto first = *reinterpret_cast<const std::uint32_t*>(view.upper_of.row(slot));
  const std::size_t row = first + static_cast<std::size_t>(level) - 1;
  if (view.touch != nullptr && row >= view.upper_rows) {  // a hostile file; ours never gets here
    scratch.damaged = true;
    return nullptr;
  }
  return reinterpret_cast<const std::uint32_t*>(view.upper_links.row(row));
}

inline bool touch(const WalkView& view, const void* data, std::size_t bytes, WalkScratch& scratch) {
  if (view.touch == nullptr) [[likely]]
    return true;
  if (view.touch(view.guard, data, bytes)) return true;
  scratch.damaged = true;
  return false;
}

// The first lines of a row; the rest is asked for while the rows before it are compared (reduce_ahead).
// Asking for all 24 lines of a 384-d row at once was 8 to 20 % slower (Zen 3, Emerald Rapids, 2026-11): they queue
// before the lines that are needed first.
inline void prefetch_lines(const unsigned char* row, std::size_t bytes) {
  constexpr std::size_t kFirstBytes = 256;
  for (std::size_t i = 0; i < bytes && i < kFirstBytes; i += 64) __builtin_prefetch(row + i);
}

// The neighbours of a slot that this walk has not met: their slots and vectors, into scratch. The beginnings of
// the first kAhead vectors are asked of memory at once, in the order in which they will be compared; not of more, since
// a core keeps only some dozen lines in flight.
inline constexpr std::size_t kAhead = 16;  // rows

template <class Rows>
inline std::size_t gather(const WalkView& view, std::uint32_t slot, int level, WalkScratch& scratch) {
  const std::uint32_t* links = link_row(view, slot, level, scratch);
  const std::uint32_t places = level == 0 ? view.places0 : view.places;
  if (links == nullptr || !touch(view, links, places * sizeof(std::uint32_t), scratch)) return 0;
  const std::size_t bytes = view.dimensions * Rows::kElementBytes;
  std::size_t n = 0;
  for (std::uint32_t i = 0; i < places; ++i) {
    const std::uint32_t target = __atomic_load_n(links + i, __ATOMIC_RELAXED);
    if (target == kEndOfRow) break;
    if (target >= view.count || !mark_visited(scratch, target)) continue;
    scratch.slots[n] = target;
    scratch.rows[n] = view.vectors.row(target);
    if (n < kAhead) prefetch_lines(scratch.rows[n], bytes);
    ++n;
  }
  return n;
}

// Distances of the gathered rows, four at a time, the next four asked for meanwhile.
template <class Lanes, class Op, class Rows>
inline bool compare(const WalkView& view, const float* query, std::size_t n, WalkScratch& scratch) {
  const std::size_t bytes = view.dimensions * Rows::kElementBytes;
  if (view.touch != nullptr) {
    for (std::size_t i = 0; i < n; ++i) {
      if (!touch(view, scratch.rows[i], bytes, scratch)) return false;
    }
  }
  std::size_t i = 0;
  for (; i + 4 < n; i += 4) {
    const unsigned char* next[4];
    for (std::size_t r = 0; r < 4; ++r) next[r] = scratch.rows[i + 4 + r < n ? i + 4 + r : n - 1];
    reduce_ahead<Lanes, Op, Rows>(query, scratch.rows + i, next, view.dimensions, scratch.distances + i);
  }
  distances<Lanes, Op, Rows>(query, scratch.rows + i, n - i, view.dimensions, scratch.distances + i);
  scratch.num_distances += n;
  return true;
}

// A slot that another has superseded is still found by a walk for which that other does not exist yet: so each
// walk finds one version of a row, never both and never neither.
inline bool is_hidden(const WalkView& view, std::uint32_t slot) {
  const int flags = __atomic_load_n(view.flags.row(slot), __ATOMIC_ACQUIRE) & view.hide;
  if (flags == 0 || flags != view.superseded) return flags != 0;
  const auto* by = reinterpret_cast<const std::uint32_t*>(view.superseded_by.row(slot));
  return __atomic_load_n(by, __ATOMIC_RELAXED) < view.count;
}

// Compare `slot` itself and put it into the beam: where a walk begins.
template <class Lanes, class Op, class Rows>
inline bool begin(const WalkView& view, const float* query, std::uint32_t slot, WalkScratch& scratch) {
  if (slot >= view.count) return false;
  scratch.slots[0] = slot;
  scratch.rows[0] = view.vectors.row(slot);
  if (!compare<Lanes, Op, Rows>(view, query, 1, scratch)) return false;
  mark_visited(scratch, slot);
  return true;
}

template <class Lanes, class Op, class Rows>
std::uint32_t descend(const WalkView& view, const float* query, std::uint32_t slot, int from, int to,
                      WalkScratch& scratch) {
  if (from < to || !begin<Lanes, Op, Rows>(view, query, slot, scratch)) return slot;
  std::uint64_t nearest = make_entry(scratch.distances[0], slot);
  for (int level = from; level >= to && !scratch.damaged; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      const std::size_t n = gather<Rows>(view, entry_slot(nearest), level, scratch);
      if (!compare<Lanes, Op, Rows>(view, query, n, scratch)) break;
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t entry = make_entry(scratch.distances[i], scratch.slots[i]);
        if (entry < nearest) {
          nearest = entry;
          moved = true;
        }
      }
    }
    clear_visited(scratch);  // a slot met on one level must be met again on the next
  }
  clear_visited(scratch);
  return entry_slot(nearest);
}

// Filter: hidden slots steer the walk but are not found. They live in the beam, which is then wider than
// ef (scratch.beam_capacity), and `found` holds the ef nearest that may be returned. The walk ends when the next
// slot to expand is further than all of a full `found`.
template <class Lanes, class Op, class Rows, bool Filter>
WalkResult search_as(const WalkView& view, const float* query, std::uint32_t slot, int level, std::size_t ef,
                     WalkScratch& scratch) {
  Beam beam{scratch.beam, Filter ? scratch.beam_capacity : ef};
  Beam found{scratch.found, ef};
  if (!begin<Lanes, Op, Rows>(view, query, slot, scratch)) return {scratch.beam, 0};
  std::uint64_t entry = make_entry(scratch.distances[0], slot);
  beam.insert(entry);
  if (Filter && !is_hidden(view, slot)) found.insert(entry);

  while (beam.pop(entry)) {
    if (Filter && found.full() && entry > found.bound()) break;
    if (level == 0) {
      ++scratch.num_hops;
      // The row of the slot that comes next, if nothing nearer turns up now.
      if (beam.next < beam.size) __builtin_prefetch(view.links.row(entry_slot(beam.entries[beam.next])));
    }
    const std::size_t n = gather<Rows>(view, entry_slot(entry), level, scratch);
    if (!compare<Lanes, Op, Rows>(view, query, n, scratch)) break;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t candidate = make_entry(scratch.distances[i], scratch.slots[i]);
      if (Filter) {
        if (candidate >= found.bound() || candidate >= beam.bound()) continue;
        if (!is_hidden(view, scratch.slots[i])) found.insert(candidate);
        beam.insert(candidate);
      } else if (candidate < beam.bound()) {
        beam.insert(candidate);
      }
    }
  }
  clear_visited(scratch);
  return Filter ? WalkResult{found.entries, found.size} : WalkResult{beam.entries, beam.size};
}

template <class Lanes, class Op, class Rows>
WalkResult search(const WalkView& view, const float* query, std::uint32_t slot, int level, std::size_t ef,
                  WalkScratch& scratch) {
  return view.hide != 0 ? search_as<Lanes, Op, Rows, true>(view, query, slot, level, ef, scratch)
                        : search_as<Lanes, Op, Rows, false>(view, query, slot, level, ef, scratch);
}

// Exact: every row in turn. Rows of a segment lie in sequence, so the machine's own prefetching serves.
template <class Lanes, class Op, class Rows>
WalkResult scan(const WalkView& view, const float* query, std::size_t first, std::size_t last, std::size_t ef,
                WalkScratch& scratch) {
  Beam beam{scratch.beam, ef};
  while (first < last) {
    std::size_t n = 0;
    for (; first < last && n < 4; ++first) {
      const auto slot = static_cast<std::uint32_t>(first);
      if (view.hide != 0 && is_hidden(view, slot)) continue;
      scratch.slots[n] = slot;
      scratch.rows[n++] = view.vectors.row(slot);
    }
    if (!compare<Lanes, Op, Rows>(view, query, n, scratch)) break;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t candidate = make_entry(scratch.distances[i], scratch.slots[i]);
      if (candidate < beam.bound()) beam.insert(candidate);
    }
  }
  return {beam.entries, beam.size};
}

}  // namespace
}  // namespace nearfield
