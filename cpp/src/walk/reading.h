// The state as walks see it: one consistent view.
#pragma once

#include <atomic>
#include <cstddef>

#include "state.h"
#include "walk/metric.h"

namespace nearfield {

// The state as walks see it now: everything that the view can reach was written before. The scratch memory of the walk
// must be borrowed before, since codes live, and slots keep their rows, as long as somebody announces that they may be
// read.
struct Reading {
  const State* state;
  Entry entry;             // exists in the view; kNoSlot where there is nothing to walk
  WalkView view;           // its rows are codes where there are any
  const Walks* walks;      // of those rows
  const CodePlane* codes;  // null: the rows are the stored vectors
  const Sketch* sketch;    // of the codes; null: no walk is led by sketches

  // Walks on a view that may differ from this one's in what exists and what is hidden.
  void search(const WalkView& other, WalkJob* jobs, std::size_t n) const {
    (sketch != nullptr ? walks->search_sketched : walks->search)(other, jobs, n);
  }

  // The row of a slot as a query; may be the row itself. `buffer` holds a query (Scratch::decoded).
  const void* query_of(Slot slot, void* buffer) const {
    return walks->query_of(view.rows.row(slot), view.rows.stride, buffer);
  }
};
Reading read_state(const State& state, const Metric& metric);
// The same with the stored vectors as rows.
WalkView vectors_of(const WalkView& view, const State& state);

// Rows of `count` slots, live or marked. What is scanned does not depend on the slots of rows that are gone.
std::size_t num_present(const State& state, std::size_t count);

// The state that an index has now: compaction replaces it as a whole (maintain/compact.h). Loaded once scratch memory
// was borrowed; it lives as long as that is.
using CurrentState = std::atomic<const State*>;

}  // namespace nearfield
