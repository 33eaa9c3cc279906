// The slots of dead rows on their way back: from "no link leads here" to "the next add takes it" (flags.h).
#pragma once

#include <functional>

#include "state.h"
#include "walk/scratch.h"

namespace nearfield {

// Runs its argument under the id lock, exclusively.
using UnderIdLock = std::function<void(const std::function<void()>&)>;

// Take note of which queries have left since: newborn rows become rows like others, unlinked slots free, and free ones
// ready to be taken. Waits for nobody. Without queries in other threads, all that can be done is done at once.
void settle_slots(State& state, ScratchPool& pool, const UnderIdLock& under_id_lock);

// A save keeps slots of dead rows from being used again, so that rows which replace others take new ones. Once the
// index has grown so by a 32nd, waits until the save has ended and all who were reading have left: what a save costs in
// memory is bounded, however slow its disk is. Never from a thread that borrows scratch memory.
void bound_growth(State& state, ScratchPool& pool);

// Of an index that was read, whose flags are known good: the free slots are ready, and those of a repair are counted.
void find_slots(State& state);

}  // namespace nearfield
