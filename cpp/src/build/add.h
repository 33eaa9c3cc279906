// An add call, round by round: encode, link, publish.
#pragma once

#include <functional>

#include "build/batch.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

// Called for each finished round [first, last) of slots, whose rows are written and linked: makes them
// visible (ARCHITECTURE.md, "Publication").
using Publish = std::function<void(std::size_t first, std::size_t last, Entry entry)>;

// Store batch.rows of `vectors` behind the present slots. Throws IndexFull before anything is stored, or
// what options.poll throws; rounds that were published stay.
void add_rows(State& state, const Metric& metric, ScratchPool& pool, const float* vectors, const Batch& batch,
              const AddOptions& options, const Publish& publish);

}  // namespace nearfield
