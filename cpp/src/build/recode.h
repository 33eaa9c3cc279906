// The codes that walks compare: fitted, kept, and fitted anew when the data leaves the grid.
#pragma once

#include <cstddef>
#include <cstdint>

#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

// Before slots [first, last) are linked, whose vectors are written: write their codes. The grid is fitted to all
// vectors when the first come, when their number has doubled, and when many more of the new components lie
// outside than the fit has left there; if it then differs, all codes are written anew, into a plane of their own that
// queries see as a whole. Depends on the order of rows alone. Returns how many new components lie outside, to be
// counted when the rows are published.
std::uint64_t keep_codes(State& state, const Metric& metric, ScratchPool& pool, std::size_t first, std::size_t last,
                         std::size_t num_threads);

// Where codes are all that the index holds and no vectors are kept but the last: those, and what the older codes stand
// for, are fitted to and encoded anew, only when data has drifted. Whether the others go with the round that ends at
// `last`, and a copy of those that stay.
bool lets_vectors_go(const State& state, std::size_t last);
void copy_recent(const State& state, std::size_t last, Plane& recent);

// Free code planes that no query reads any more.
void free_retired_codes(State& state, const ScratchPool& pool);

}  // namespace nearfield
