// Queries over a state: one consistent view, one walk per row, results as ids and distances.
#pragma once

#include <atomic>
#include <cstddef>

#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

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

// The state that an index has now: compaction replaces it as a whole (maintain/compact.h). Loaded once scratch memory
// was borrowed; it lives as long as that is.
using CurrentState = std::atomic<const State*>;

// The k nearest live rows of each query; see Index::query. Throws CorruptIndexFile when a block of a mapped
// file fails its checksum.
//
// Exact instead of walked where the beam would hold a quarter of the index anyway, and where a walk
// finds fewer than min(k, count): no caller gets fewer rows than there are.
QueryCounters query_rows(const CurrentState& current, const Metric& metric, ScratchPool& pool, const float* queries,
                         std::size_t rows, const QueryOptions& options, Id* ids, float* distances,
                         std::uint32_t* counts);

}  // namespace nearfield
