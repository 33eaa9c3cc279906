// One hop of a walk: gather the neighbours not yet met and ask memory for their rows; compare them with the query.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flags.h"
#include "simd/kernels.h"
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

// Always inlined, as all that does nothing but ask: gcc takes a call of such a function for one without effect, and
// leaves it out.
[[gnu::always_inline]] inline void prefetch(const void* data, std::size_t bytes) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
}

[[gnu::always_inline]] inline void prefetch_links(const WalkView& view, std::uint32_t slot) {
  prefetch(view.links.row(slot), view.places0 * sizeof(std::uint32_t));
}

// Rows [first, first + n) of a hop, or what there is of them, are asked of memory.
template <class Kernel>
[[gnu::always_inline]] inline void ask_for(const Hop& hop, std::size_t first, std::size_t n, std::size_t row_bytes) {
  const std::size_t bytes = row_bytes < Kernel::kAskBytes ? row_bytes : Kernel::kAskBytes;
  const std::size_t end = hop.n < first + n ? hop.n : first + n;
  for (std::size_t i = first; i < end; ++i) prefetch(hop.rows[i], bytes);
}

// Those links of a row, in their order, that exist and that this walk has not met. Returns how many; `out` has as many
// places as the row. Whether one was met is a coin toss, so nothing branches on it.
inline std::size_t news(const std::uint32_t* links, std::uint32_t places, std::size_t count,
                        const std::uint64_t* visited, std::uint32_t* out) {
  std::size_t n = 0;
  for (std::uint32_t i = 0; i < places; ++i) {
    const std::uint32_t link = __atomic_load_n(links + i, __ATOMIC_ACQUIRE);  // what lies at a reused slot
    const bool exists = link < count;  // neither the end of the row nor newer than this walk
    const std::uint32_t target = exists ? link : 0;
    out[n] = target;  // written always, kept only where it is news
    n += ~visited[target >> 6] >> (target & 63) & exists;
  }
  return n;
}

// What is compared: rows of one kind, and the query as these want it.
struct Side {
  const RowsView* rows;
  const void* query;
};

// The neighbours of a slot that this walk has not met, with their `rows`: found in one loop, marked in another. To look
// and mark in one would do the work of marking for those met as well, and each look would wait for the mark before it.
inline void gather(const WalkView& view, const RowsView& of_plane, std::uint32_t slot, int level, WalkScratch& scratch,
                   Hop& hop) {
  hop.n = 0;
  const std::uint32_t* links = link_row(view, slot, level, scratch);
  const std::uint32_t places = level == 0 ? view.places0 : view.places;
  if (links == nullptr || !touch(view, links, places * sizeof(std::uint32_t), scratch)) return;
  std::uint64_t* visited = scratch.visited;
  std::uint32_t* slots = room_for_met(scratch, places);
  const unsigned char** rows = hop.rows;
  const RowsView plane = of_plane;
  const std::size_t found = news(links, places, view.count, visited, slots);
  std::size_t n = 0;
  for (std::size_t i = 0; i < found; ++i) {
    const std::uint32_t target = slots[i];
    const std::uint64_t before = visited[target >> 6];
    visited[target >> 6] = before | std::uint64_t{1} << (target & 63);
    // Kept, but where a row that a writer is changing has named it twice.
    slots[n] = target;
    rows[n] = plane.row(target);
    n += ~before >> (target & 63) & 1;
  }
  // Four are compared at a time: the last ones are filled up with themselves.
  if (n > 0) rows[n] = rows[n + 1] = rows[n + 2] = rows[n - 1];
  hop.slots = slots;
  hop.n = n;
  scratch.num_met += n;
}

// Keys of the gathered rows, four at a time; between them four of the hop that comes next are asked for, so that memory
// is never idle and never has more than it can take at once. Long rows ask for the rest of the next four as well.
template <class Kernel>
inline bool compare(const WalkView& view, Side side, const Hop& hop, WalkScratch& scratch, const Hop* ahead) {
  const std::size_t bytes = side.rows->stride;
  if (view.touch != nullptr) {
    for (std::size_t i = 0; i < hop.n; ++i) {
      if (!touch(view, hop.rows[i], bytes, scratch)) return false;
    }
  }
  for (std::size_t i = 0; i < hop.n; i += 4) {
    if (ahead != nullptr) ask_for<Kernel>(*ahead, i, i + 4 < hop.n ? 4 : ahead->n, bytes);
    if constexpr (Kernel::kAskRest) {
      const std::size_t next = i + 4 < hop.n ? i + 4 : i;
      Kernel::compare_ahead(side.query, hop.rows + i, hop.rows + next, bytes, scratch.keys + i);
    } else {
      Kernel::template compare<4>(side.query, hop.rows + i, bytes, scratch.keys + i);
    }
  }
  if (ahead != nullptr && hop.n == 0) ask_for<Kernel>(*ahead, 0, ahead->n, bytes);
  scratch.num_distances += hop.n;
  return true;
}

// Whether the row of a slot is one for this walk: it has begun after the row came.
inline bool exists(const WalkView& view, std::uint32_t slot) {
  if (slot >= view.count) return false;
  if ((__atomic_load_n(view.flags.row(slot), __ATOMIC_ACQUIRE) & kNewborn) == 0) return true;
  return *reinterpret_cast<const std::uint64_t*>(view.numbers.row(slot)) < view.published;
}

// A slot that another has superseded is still found by a walk for which that other does not exist yet: so each
// walk finds one version of a row, never both and never neither.
inline bool is_hidden(const WalkView& view, std::uint32_t slot) {
  const int flags = __atomic_load_n(view.flags.row(slot), __ATOMIC_ACQUIRE) & view.hide;
  if (flags == 0) return false;
  if ((flags & ~(kDead | kNewborn)) != 0) return true;
  if ((flags & kNewborn) != 0 && !exists(view, slot)) return true;
  if ((flags & kDead) == 0) return false;
  const auto* replaced_by = reinterpret_cast<const std::uint32_t*>(view.replaced_by.row(slot));
  std::uint32_t by = __atomic_load_n(replaced_by, __ATOMIC_RELAXED);
  while (by != 0) {  // by one that came too late for this walk, and that by one that did not, or it was removed
    if (exists(view, by - 1)) return true;
    if ((__atomic_load_n(view.flags.row(by - 1), __ATOMIC_ACQUIRE) & kDead) == 0) return false;
    by = __atomic_load_n(reinterpret_cast<const std::uint32_t*>(view.replaced_by.row(by - 1)), __ATOMIC_RELAXED);
  }
  return true;
}

}  // namespace
}  // namespace nearfield
