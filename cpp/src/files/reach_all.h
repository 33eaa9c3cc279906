// Link rows of level 0 without the slots that held some of them together.
#pragma once

#include <cstddef>
#include <vector>

#include "nearfield/types.h"

namespace nearfield {

// `links` holds `places` row numbers for each row, kNoSlot last where fewer. Afterwards a path leads from `entry` to
// every row. A row that none leads to is linked from one of its own neighbours that is reached, or from the entry
// point: in a free place, else in the place of a link which the row then takes over, so nothing is cut off.
void reach_all(std::vector<Slot>& links, std::size_t places, Slot entry);

}  // namespace nearfield
