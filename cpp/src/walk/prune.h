// Which candidates become links (HNSW paper, algorithm 4, without extendCandidates).
//
// From near to far, a candidate is kept unless it is nearer to a kept one than to the row itself: the
// kept one then leads to it. Departures from the paper:
// 1. Equals. Copies of one vector are at distance 0 from each other, so the strict rule keeps them all
//    and a group of copies fills its rows with itself. A candidate that ties in all three distances
//    (row, kept, candidate equally far apart) is therefore pruned; a candidate further away than the kept
//    copy is not.
// 2. alpha (Vamana, section 2.3): a candidate is pruned only where a kept one is nearer to it by that factor. With 1.1
// rows
//    keep a few more, longer links, and fewer vectors are compared at the same recall.
// 3. fill: where the geometry is an inner product, "nearer to a kept one" is true of nearly all (the rows of
//    great norm are near to everything) and 2 links of 24 remain. The nearest pruned candidates
//    then take the free places.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/loop.h"
#include "walk/beam.h"
#include "walk/view.h"

namespace nearfield {
namespace {

// A stored row as a query: itself where it is float32, else decoded into `buffer`.
template <class Lanes, class Rows>
inline const float* row_as_query(const unsigned char* row, std::size_t dimensions, float* buffer) {
  if constexpr (Rows::kElementBytes == 4) {
    return reinterpret_cast<const float*>(row);
  } else {
    for (std::size_t d = 0; d < dimensions; d += 16) Lanes::store(buffer + d, Rows::load(row, d));
    return buffer;
  }
}

// The distances of candidate to the kept ones, four at a time; true when none forbids it.
template <class Lanes, class Op, class Rows>
inline bool is_diverse(const WalkView& view, const float* candidate, float distance, const std::uint64_t* candidates,
                       const std::uint32_t* kept, std::size_t num_kept, float alpha) {
  for (std::size_t i = 0; i < num_kept; i += 4) {
    const unsigned char* rows[4];
    float between[4];
    const std::size_t n = num_kept - i < 4 ? num_kept - i : 4;
    for (std::size_t r = 0; r < n; ++r) rows[r] = view.vectors.row(entry_slot(candidates[kept[i + r]]));
    distances<Lanes, Op, Rows>(candidate, rows, n, view.dimensions, between);
    for (std::size_t r = 0; r < n; ++r) {
      if (between[r] * alpha < distance) return false;
      if (between[r] == distance && entry_distance(candidates[kept[i + r]]) == distance) return false;
    }
  }
  return true;
}

template <class Lanes, class Op, class Rows>
std::size_t prune(const WalkView& view, const std::uint64_t* candidates, std::size_t n, std::size_t places,
                  PruneRule rule, float* decoded, std::uint32_t* chosen) {
  std::size_t num_kept = 0;
  for (std::size_t i = 0; i < n && num_kept < places; ++i) {
    const unsigned char* row = view.vectors.row(entry_slot(candidates[i]));
    if (i + 1 < n) __builtin_prefetch(view.vectors.row(entry_slot(candidates[i + 1])));
    const float* query = row_as_query<Lanes, Rows>(row, view.dimensions, decoded);
    if (is_diverse<Lanes, Op, Rows>(view, query, entry_distance(candidates[i]), candidates, chosen, num_kept,
                                    rule.alpha)) {
      chosen[num_kept++] = static_cast<std::uint32_t>(i);
    }
  }
  if (!rule.fill || num_kept == places || num_kept == n) return num_kept;
  // Merge the nearest pruned ones in, keeping the positions ascending: walk backwards over how many of the
  // first candidates fit, by counting how many places are free.
  std::size_t free = places - num_kept;
  std::size_t kept = 0;
  std::size_t end = 0;  // candidates before `end` are all taken
  for (; end < n && (free > 0 || (kept < num_kept && chosen[kept] == end)); ++end) {
    if (kept < num_kept && chosen[kept] == end) {
      ++kept;
    } else {
      --free;
    }
  }
  const std::size_t total = end + (num_kept - kept);
  for (std::size_t i = num_kept; i-- > kept;) chosen[i + total - num_kept] = chosen[i];
  for (std::size_t i = 0; i < end; ++i) chosen[i] = static_cast<std::uint32_t>(i);
  return total;
}

}  // namespace
}  // namespace nearfield
