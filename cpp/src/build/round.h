// Adding in rounds: many threads, one result.
//
// Rounds end at multiples of kRoundRows rows ever added, so where they end depends on the rows alone, not on how they
// were handed in (a call that ends inside a round closes it early, and so do the free slots when there are no more).
// Within a round every new row
//   1. searches the graph as it was before the round (frozen, so threads cannot disturb each other),
//   2. adds the new rows before it, compared one by one: it sees all that a one-by-one insertion
//      would have seen,
//   3. chooses its links (walk/prune.h) and writes them into its own row, which nobody reads yet.
// Then the rows that it links to are offered it in turn (build/link_back.h). The order of insertion alone decides the
// result. (ParlayANN, arXiv 2305.04359, builds so with rounds of up to 2 % of the graph and without step 2.)
#pragma once

#include <cstddef>
#include <span>

#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

inline constexpr std::size_t kRoundRows = 512;

// How many of `rows` belong to the round that begins when `published` rows were ever added.
constexpr std::size_t round_rows(std::uint64_t published, std::size_t rows) {
  const auto left = static_cast<std::size_t>(kRoundRows - published % kRoundRows);
  return left < rows ? left : rows;
}

// The level of a slot, from a hash of the seed and the slot: level l or higher with probability M^-l.
int level_of_slot(std::uint64_t seed, Slot slot, std::uint32_t M);

// Link the slots of a round, ascending, which hold vectors but are not published: free ones below the count, or the
// first at and beyond it. Gives these levels (a slot that was used before keeps its own), writes their rows and the
// links back to them, and, if one of them is the new entry point, says so in `entry`. `passed_through`: how many slots
// are dead or doomed; no link goes to those. When poll throws, the graph is as before (rows of the round are never
// read); when memory ends while links back are written, some old links are gone.
void link_round(State& state, const Metric& metric, ScratchPool& pool, std::span<const Slot> slots,
                std::size_t passed_through, std::size_t num_threads, const Poll& poll, Entry& entry);

}  // namespace nearfield
