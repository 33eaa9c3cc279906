// Which slots a walk has met: a bitmap, with a list of them to clear it by. Marking costs one word; clearing costs
// the slots that were met or, where those are many, the words of the index.
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk/view.h"

namespace nearfield {
namespace {

// Room for `places` slots behind those that were met. Where there is none the list begins anew; so what the last two
// hops have met stays where it is.
inline std::uint32_t* room_for_met(WalkScratch& scratch, std::size_t places) {
  if (scratch.num_met + places > scratch.met_capacity) {
    scratch.met_more = true;
    scratch.num_met = 0;
  }
  return scratch.met + scratch.num_met;
}

inline bool is_visited(const WalkScratch& scratch, std::uint32_t slot) {
  return (scratch.visited[slot >> 6] >> (slot & 63) & 1) != 0;
}

// Mark a slot that was not met.
inline void mark_visited(WalkScratch& scratch, std::uint32_t slot) {
  *room_for_met(scratch, 1) = slot;
  ++scratch.num_met;
  scratch.visited[slot >> 6] |= std::uint64_t{1} << (slot & 63);
}

inline void clear_visited(WalkScratch& scratch) {
  if (scratch.met_more) {
    __builtin_memset(scratch.visited, 0, scratch.num_words * sizeof(std::uint64_t));
  } else {
    for (std::size_t i = 0; i < scratch.num_met; ++i) scratch.visited[scratch.met[i] >> 6] = 0;
  }
  scratch.num_met = 0;
  scratch.met_more = false;
}

}  // namespace
}  // namespace nearfield
