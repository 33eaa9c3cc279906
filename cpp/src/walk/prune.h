// Which candidates become links (HNSW paper, algorithm 4, without extendCandidates).
//
// From near to far, a candidate is kept unless it is nearer to a kept one than to the row itself: the
// kept one then leads to it. Departures from the paper:
// 1. Ties. Copies of one vector are at distance 0 from each other, so the strict rule keeps them all and a
//    group of copies fills its rows with itself. A candidate as far from the row as a kept one, and no nearer to the
//    row than to that, is therefore pruned.
// 2. alpha (Vamana, section 2.3): a candidate is pruned only where a kept one is nearer to it by that factor. With
//    1.1 rows keep a few more, longer links, and fewer vectors are compared at the same recall.
// 3. Full rows: the nearest pruned candidates take the places that are left free. With inner products "nearer to a kept
//    one" is true of nearly all (the rows of great norm are near to everything), and 2 links of 24 would remain; and a
//    group of copies is well linked in itself.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/kernels.h"
#include "walk/beam.h"
#include "walk/view.h"

namespace nearfield {
namespace {

// Whether a candidate is kept, given those that are: no, where one of them is clearly nearer to it than the row is;
// nor where it is as far from the row as one of them and no nearer to the row than to that.
// Keys to the kept ones, four at a time.
template <class Kernel>
inline bool is_kept(const WalkView& view, const void* candidate, std::uint32_t key, const std::uint64_t* candidates,
                    const std::uint32_t* kept, std::size_t num_kept, std::uint32_t alpha_percent) {
  for (std::size_t i = 0; i < num_kept; i += 4) {
    const unsigned char* rows[4];
    std::uint32_t between[4];
    const std::size_t n = num_kept - i < 4 ? num_kept - i : 4;
    for (std::size_t r = 0; r < n; ++r) rows[r] = view.rows.row(entry_slot(candidates[kept[i + r]]));
    compare_all<Kernel>(candidate, rows, n, view.rows.stride, between);
    for (std::size_t r = 0; r < n; ++r) {
      if (entry_key(candidates[kept[i + r]]) == key && between[r] <= key) return false;
      if (Kernel::clearly_nearer(between[r], key, alpha_percent)) return false;
    }
  }
  return true;
}

template <class Kernel>
std::size_t prune(const WalkView& view, const std::uint64_t* candidates, std::size_t n, std::size_t places,
                  std::uint32_t alpha_percent, void* buffer, std::uint32_t* chosen) {
  std::size_t num_kept = 0;
  std::size_t num_spare = 0;  // pruned ones that may fill, the nearest at the very end of `chosen`, before it the next
  for (std::size_t i = 0; i < n && num_kept < places; ++i) {
    const unsigned char* row = view.rows.row(entry_slot(candidates[i]));
    if (i + 1 < n) __builtin_prefetch(view.rows.row(entry_slot(candidates[i + 1])));
    const void* query = Kernel::query_of(row, view.rows.stride, buffer);
    const bool kept =
        is_kept<Kernel>(view, query, entry_key(candidates[i]), candidates, chosen, num_kept, alpha_percent);
    const auto position = static_cast<std::uint32_t>(i);
    if (kept) {
      chosen[num_kept++] = position;  // over the furthest spare one, where there is no other place
      if (num_kept + num_spare > places) --num_spare;
    } else if (num_kept + num_spare < places) {
      chosen[places - ++num_spare] = position;
    }
  }
  // The spare ones behind the kept, nearest first.
  for (std::size_t low = places - num_spare, high = places; low + 1 < high; ++low) {
    const std::uint32_t moved = chosen[--high];
    chosen[high] = chosen[low];
    chosen[low] = moved;
  }
  for (std::size_t i = 0; i < num_spare; ++i) chosen[num_kept + i] = chosen[places - num_spare + i];
  return num_kept + num_spare;
}

}  // namespace
}  // namespace nearfield
