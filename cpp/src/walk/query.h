// Queries over a state: one consistent view, one walk per row, results as ids and distances.
#pragma once

#include <cstddef>

#include "nearfield/types.h"
#include "walk/metric.h"
#include "walk/reading.h"
#include "walk/scratch.h"

namespace nearfield {

// Whether a query at this beam width is answered by reading all rows, which is then cheaper than a walk.
bool is_scanned(const State& state, std::size_t count, std::size_t ef);

// The k nearest live rows of each query; see Index::query. Throws CorruptIndexFile when a block of a mapped
// file fails its checksum.
//
// Exact instead of walked where the beam would hold a quarter of the index anyway, and where a walk
// finds fewer than min(k, count): no caller gets fewer rows than there are.
QueryCounters query_rows(const CurrentState& current, const Metric& metric, ScratchPool& pool, const float* queries,
                         std::size_t rows, const QueryOptions& options, Id* ids, float* distances,
                         std::uint32_t* counts);

}  // namespace nearfield
