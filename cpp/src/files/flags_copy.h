// The flags of all slots at one instant. They may change while a file is written, so they are copied before
// anything that depends on them is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "state.h"

namespace nearfield {

struct FlagsCopy {
  std::vector<std::uint8_t> bytes;  // one per slot, as format.h has them
  std::size_t num_marked = 0;
  std::size_t num_superseded = 0;  // dead ones to which links may lead
  std::size_t num_free = 0;
  bool any_leaving = false;

  bool is_free(std::size_t slot) const { return bytes[slot] == kFree; }
};

inline FlagsCopy copy_flags(const State& state) {
  FlagsCopy copy;
  copy.bytes.resize(state.count.load(std::memory_order_acquire));
  for (std::size_t slot = 0; slot < copy.bytes.size(); ++slot) {
    const std::uint8_t flags = __atomic_load_n(state.flags.at<std::uint8_t>(slot), __ATOMIC_RELAXED);
    const bool free = (flags & (kFree | kUnlinked)) != 0;  // whoever reads the file has no queries to wait for
    const bool dead = !free && (flags & kDead) != 0;
    const bool marked = flags != 0 && !free && !dead && (flags & kMarked) != 0;
    // Other bits matter only while the index lives.
    copy.bytes[slot] = free ? kFree : dead ? flags & (kDead | kLeaving) : marked ? kMarked : 0;
    copy.num_marked += marked;
    copy.num_superseded += dead;
    copy.num_free += free;
    copy.any_leaving = copy.any_leaving || (dead && (flags & kLeaving) != 0);
  }
  return copy;
}

}  // namespace nearfield
