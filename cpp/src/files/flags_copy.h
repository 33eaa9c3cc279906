// The flags of all slots at one instant. They may change while a file is written, so they are copied before
// anything that depends on them is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "state.h"

namespace nearfield {

struct FlagsCopy {
  std::vector<std::uint8_t> bytes;  // one per slot: 0, kMarked or kSuperseded
  std::size_t num_marked = 0;
  std::size_t num_superseded = 0;
};

inline FlagsCopy copy_flags(const State& state) {
  FlagsCopy copy;
  copy.bytes.resize(state.count.load(std::memory_order_acquire));
  for (std::size_t slot = 0; slot < copy.bytes.size(); ++slot) {
    const std::uint8_t flags = __atomic_load_n(state.flags.at<std::uint8_t>(slot), __ATOMIC_RELAXED);
    const bool superseded = (flags & kSuperseded) != 0;
    const bool marked = !superseded && (flags & kMarked) != 0;
    copy.bytes[slot] = superseded ? kSuperseded : marked ? kMarked : 0;  // other bits matter only while rows are added
    copy.num_marked += marked;
    copy.num_superseded += superseded;
  }
  return copy;
}

}  // namespace nearfield
