// The flags of all slots at one instant. They may change while a file is written, so they are copied before
// anything that depends on them is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "state.h"

namespace nearfield {

struct FlagsCopy {
  std::vector<std::uint8_t> bytes;  // one per slot
  std::size_t num_marked = 0;
  std::size_t num_superseded = 0;
};

inline FlagsCopy copy_flags(const State& state) {
  FlagsCopy copy;
  copy.bytes.resize(state.count.load(std::memory_order_acquire));
  for (std::size_t slot = 0; slot < copy.bytes.size(); ++slot) {
    const std::uint8_t flags = __atomic_load_n(state.flags.at<std::uint8_t>(slot), __ATOMIC_RELAXED);
    copy.bytes[slot] = flags;
    copy.num_marked += (flags & kSuperseded) == 0 && (flags & kMarked) != 0;
    copy.num_superseded += (flags & kSuperseded) != 0;
  }
  return copy;
}

}  // namespace nearfield
