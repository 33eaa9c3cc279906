// Flags of slots, and how many have which. Changed under the id lock alone, read at any time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "flags.h"
#include "nearfield/types.h"

namespace nearfield {

struct State;

// How many slots are what.
struct Census {
  std::atomic<std::uint64_t> changes{0};  // of any flag, so far
  std::atomic<std::size_t> away{0};       // with a flag of kAway: 0, and queries need not look
  std::atomic<std::size_t> dead{0};       // kDead
  std::atomic<std::size_t> free{0};       // kFree
  std::atomic<std::size_t> marked{0};     // kMarked alone, but for kNewborn
  std::atomic<std::size_t> newborn{0};    // kNewborn and none of the others: rows as all others
};

std::uint8_t flags_of(const State& state, Slot slot);  // acquire

// Change the flags of a slot, and the census with them.
void set_flags(State& state, Slot slot, std::uint8_t flags);

}  // namespace nearfield
