// Which slots a walk has met: a bitmap with a list of the words to clear afterwards. Marking costs one
// word; clearing costs the words that were touched, not the size of the index.
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk/view.h"

namespace nearfield {
namespace {

// True when the slot was not marked before; it is now.
inline bool mark_visited(WalkScratch& scratch, std::uint32_t slot) {
  const std::uint32_t word = slot >> 6;
  const std::uint64_t bit = std::uint64_t{1} << (slot & 63);
  const std::uint64_t before = scratch.visited[word];
  if ((before & bit) != 0) return false;
  // Written always, kept only where the word was empty: no branch that depends on the data.
  scratch.touched[scratch.num_touched] = word;
  scratch.num_touched += before == 0;
  scratch.visited[word] = before | bit;
  return true;
}

inline void clear_visited(WalkScratch& scratch) {
  for (std::size_t i = 0; i < scratch.num_touched; ++i) scratch.visited[scratch.touched[i]] = 0;
  scratch.num_touched = 0;
}

}  // namespace
}  // namespace nearfield
