// The connectivity sweep: every slot can be reached from the entry point over level-0 links.
//
// Pruning rewrites rows and may drop the last link to a slot; the search would then never find it
// (knowhere, qdrant, Lucene and Voyager all met this). The sweep walks everything that can be reached
// and hangs each slot that cannot, unless it is dead or free, onto the nearest one that can, without
// unhanging another.
#pragma once

#include <cstddef>

#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

// Whether `unswept` new rows in an index of `count` are reason for a sweep: one sixteenth, so that
// the sweeps of an index built row by row cost a constant share of its adds.
constexpr bool sweep_is_due(std::size_t unswept, std::size_t count) { return unswept > count / 16; }

// Hang on again what cannot be reached. Reads every link once; one search per slot that was cut off, after each of
// which poll is called with (count, count). When it throws, what was hung on stays so.
void connect(State& state, const Metric& metric, ScratchPool& pool, const Poll& poll);

}  // namespace nearfield
