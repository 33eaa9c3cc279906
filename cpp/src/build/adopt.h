// Rows to which hardly a link leads: hung onto rows near them, at once.
//
// Choosing links anew drops some, and now and then one of the last that lead to a row, which no walk would find again
// until the next sweep (build/connect.h), or only by way of rows that lie apart. Links are counted (Graph::links_to),
// so this is known when it happens. Of 3,837 rows (8 indexes of 16 dimensions, M=4, each row replaced five times),
// walks of a quarter of the index missed 8 where the last link was kept, 1 where three are; none in indexes built anew
// (2026-11-27).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "state.h"

namespace nearfield {

// Count all links anew: after a file was read, and when a round could not be finished. O(links).
void count_links(State& state);

// Whether the counts are right: empty, or the first one that is not, in words. Slots that are dead or free do not
// count.
std::string check_counted_links(const State& state);

// Hang `slot` onto one of the hosts, which are ordered by their distance from it and hold rows: the nearest with a free
// place; if none has one, between a calm one and its last link, which `slot` then links to instead. Rows to which many
// links lead are offered new ones all the time, and would soon let it go: by inner products many are hung on, since few
// rows are anybody's nearest. Rows to which few lead may themselves be reached by way of `slot` alone: of 1,000 rows
// that were added one by one to 19,000 (384-d, lengths that spread, inner products), 163 were cut off with the calmest,
// 6 with the calmest of those to which M links lead at least, 698 where nobody is hung on (2026-11-27). Adds to `few`
// what has fewer than kFewLinks then.
void hang_on(State& state, Slot slot, std::span<const Slot> hosts, std::vector<Slot>& few);

// Hang those of some slots to which fewer than kFewLinks lead onto a row more that they link to; of inner products
// those to which none leads. Depends on the links alone.
void adopt(State& state, std::vector<Slot> few);

}  // namespace nearfield
