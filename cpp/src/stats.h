// The health of an index in numbers: everything is read once.
#pragma once

#include <string>

#include "nearfield/index.h"
#include "state.h"
#include "walk/metric.h"

namespace nearfield {

// What Index::validate says.
std::string validate_state(const State& state);

// Of the rows of all slots, and what lies beside them; not of the id table.
std::size_t bytes_of(const State& state);

IndexStats collect_stats(const State& state, const Metric& metric);

}  // namespace nearfield
