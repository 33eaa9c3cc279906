// Queries over a state: one consistent view, one walk per row, results as ids and distances.
#pragma once

#include <cstddef>

#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

// The state as walks see it now: its count is read first, with acquire, and everything that the view can
// reach was written before that count was stored.
WalkView view_of(const State& state, const Metric& metric);

// The k nearest live rows of each query; see Index::query. Throws CorruptIndexFile when a block of a mapped
// file fails its checksum.
//
// Exact instead of walked where the beam would hold a quarter of the index anyway, and where a walk
// finds fewer than min(k, count): no caller gets fewer rows than there are.
QueryCounters query_rows(const State& state, const Metric& metric, ScratchPool& pool, const float* queries,
                         std::size_t rows, const QueryOptions& options, Id* ids, float* distances,
                         std::uint32_t* counts);

}  // namespace nearfield
