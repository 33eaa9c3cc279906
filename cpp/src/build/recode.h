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
// Where codes are all that the index holds, old rows are there only as codes. A new grid is then fitted to what they
// stand for and to the last vectors, which are kept, and only when data has drifted.
std::uint64_t keep_codes(State& state, const Metric& metric, ScratchPool& pool, std::size_t first, std::size_t last,
                         std::size_t num_threads);

// Whether the round that ends at `last` is the one with which an index of codes alone lets all vectors go but the last.
bool lets_vectors_go(const State& state, std::size_t last);
// Copy the last vectors, those that stay, to `recent`.
void copy_recent(const State& state, std::size_t last, Plane& recent);

// Free code planes that no query reads any more.
void free_retired_codes(State& state, const ScratchPool& pool);

}  // namespace nearfield
