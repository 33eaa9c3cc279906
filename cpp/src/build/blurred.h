// Whether links are to be chosen by the stored vectors, though there are codes.
#pragma once

#include <cstdint>
#include <span>

#include "state.h"

namespace nearfield {

// Whether codes cannot tell those apart among which the links of a row are chosen, entries ascending: the M-th of them
// differs from the row by no more than twice what rounding alone makes of two equal rows, or by a product from the
// first by no more than leaves both in doubt. Where codes are all there is, nothing else could be compared. `query` are
// the codes of the row as a query.
bool is_blurred(const State& state, const CodePlane* codes, const void* query, std::span<const std::uint64_t> entries);

}  // namespace nearfield
