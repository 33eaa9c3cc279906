// Links back: every row that a new row links to is offered the new row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/query.h"
#include "walk/scratch.h"

namespace nearfield {

// "target, take source as a link".
struct LinkBack {
  Slot target;
  std::int32_t level;
  std::uint64_t entry;  // (key, source), see walk/beam.h
};

// Sorted by (target, level, distance, source), so that each target's row is rewritten once, by one thread, and the
// result does not depend on threads. `with` sees the rows of the round; slots with a flag of `gone` lose their links.
// Returns slots to which, at some moment, no link of level 0 led any more (build/adopt.h).
std::vector<Slot> link_back(State& state, const Metric& metric, ScratchPool& pool, const Reading& with,
                            std::uint8_t gone, std::vector<LinkBack> all, std::size_t num_threads);

// Write a link row: the chosen slots, then kNoSlot, each word as an atomic, with release: whoever reads a link may read
// what was written at its target before.
void store_row(std::uint32_t* row, std::size_t places, const Slot* slots, std::size_t n);

// Among candidates that are equally far, every row has an order of its own: else all rows would link to the same one
// of several copies of a vector, and the copies to each other in one way.
void shuffle_ties(std::uint64_t* entries, std::size_t n, Slot row);

}  // namespace nearfield
