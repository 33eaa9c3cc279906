// The health of an index in numbers: everything is read once.
#pragma once

#include "nearfield/index.h"
#include "state.h"
#include "walk/metric.h"

namespace nearfield {

IndexStats collect_stats(const State& state, const Metric& metric);

}  // namespace nearfield
