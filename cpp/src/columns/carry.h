// Columns of a state that takes the place of another (maintain/compact.h): by the new slots, and as they are when it
// does.
#pragma once

#include <cstddef>
#include <vector>

#include "column.h"
#include "nearfield/types.h"

namespace nearfield {

// What has been carried already, and of which instant.
struct CarriedColumns {
  std::vector<Column> columns;    // by new slots; without words
  std::vector<ChunkList> before;  // the chunks that they were made of
};

// The lists of chunks, under the id lock.
CarriedColumns view_columns(const Columns& columns);
// The long part, without a lock. `slot_of`: the new slots of the old ones, kNoSlot where there is none; `slots`: how
// many new ones there are.
void carry_columns(CarriedColumns& carried, const std::vector<Slot>& slot_of, std::size_t slots);
// What has changed since, and the words; under the id lock, exclusive. The old columns are empty then. Throws
// bad_alloc, and nothing has changed.
void finish_columns(CarriedColumns& carried, const std::vector<Slot>& slot_of, std::size_t slots, Columns& old,
                    Columns& fresh);

}  // namespace nearfield
