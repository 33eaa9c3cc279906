// Filtered queries over a state: what may be returned, the plan of each query, its answer, and the last look at it.
#pragma once

#include <cstdint>
#include <functional>

#include "ids.h"
#include "nearfield/filter.h"
#include "nearfield/types.h"
#include "walk/metric.h"
#include "walk/reading.h"
#include "walk/scratch.h"

namespace nearfield {

// Runs a body with the id table of the state that is current, under the id lock, shared.
using WithIds = std::function<void(const std::function<void(const State&, const IdTable&)>&)>;

// As query_rows, of the rows that pass options.filter; see Index::query. All queries of a call under a filter that is
// looked up once see the index at the same instant.
QueryCounters query_filtered(const CurrentState& current, const Metric& metric, ScratchPool& pool,
                             const WithIds& with_ids, const float* queries, std::size_t rows,
                             const QueryOptions& options, Id* ids, float* distances, std::uint32_t* counts);

// Live rows that an expression lets through.
std::size_t count_passing(const Metric& metric, ScratchPool& pool, const WithIds& with_ids, const FilterProgram& where);

}  // namespace nearfield
