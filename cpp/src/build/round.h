// Adding in rounds: many threads, one result.
//
// Rounds end at multiples of kRoundRows slots, so where they end depends on the slots alone, not on how rows
// were handed in (a call that ends inside a round closes it early). Within a round every new row
//   1. searches the graph as it was before the round (frozen, so threads cannot disturb each other),
//   2. adds the new rows before it, compared one by one: it sees all that a one-by-one insertion
//      would have seen,
//   3. chooses its links (walk/prune.h) and writes them into its own row, which nobody reads yet.
// Then the rows that it links to are offered it in turn (build/link_back.h). The order of insertion alone decides the
// result. (ParlayANN, arXiv 2305.04359, builds so with rounds of up to 2 % of the graph and without step 2.)
#pragma once

#include <cstddef>

#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

inline constexpr std::size_t kRoundRows = 512;

// The end of the round that begins at slot `first`, at most `last`.
constexpr std::size_t round_end(std::size_t first, std::size_t last) {
  const std::size_t end = (first / kRoundRows + 1) * kRoundRows;
  return end < last ? end : last;
}

// The level of a slot, from a hash of the seed and the slot: level l or higher with probability M^-l.
int level_of_slot(std::uint64_t seed, Slot slot, std::uint32_t M);

// Link slots [first, last), which hold vectors but are not published: count <= first. Gives them levels, writes
// their rows and the links back to them, and, if one of them is the new entry point, says so in `entry`.
// `replaced`: how many slots are superseded or doomed; no link goes to those. When poll throws, the graph is as before
// (rows at and beyond `first` are never read); when memory ends while links back are written, some old links are gone.
void link_round(State& state, const Metric& metric, ScratchPool& pool, std::size_t first, std::size_t last,
                std::size_t replaced, std::size_t num_threads, const Poll& poll, Entry& entry);

}  // namespace nearfield
