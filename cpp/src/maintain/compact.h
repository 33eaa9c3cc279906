// Compaction: the rows that are left, in a new state without gaps, and in an order in which neighbours lie near.
#pragma once

#include <cstddef>
#include <memory>

#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"

namespace nearfield {

struct Compacted {
  std::unique_ptr<State> state;  // every slot holds a row, live or marked
  std::vector<Slot> slot_of;     // per slot of the old state: its place in the new one, kNoSlot where it held no row
};

// Copy what is left of a state to which no links lead to dead rows (maintain/repair.h); links to rows that have died
// since are left out. The entry point comes first, then what it links to on level 0, what those link to, and so on, so
// a walk touches less memory; the order of insertion is kept as numbers. Needs memory for both. Depends on the old
// state alone, not on threads. Marks are not copied: they may change meanwhile (rows.h, move_marks). When poll throws,
// nothing has changed.
Compacted compact(const State& old, const Metric& metric, std::size_t num_threads, const Poll& poll);

}  // namespace nearfield
