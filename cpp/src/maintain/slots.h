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

// Of an index that was read, whose flags are known good: the free slots are ready, and those of a repair are counted.
void find_slots(State& state);

}  // namespace nearfield
