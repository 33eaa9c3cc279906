#include "census.h"

#include "state.h"

namespace nearfield {
namespace {

// What the census counts a slot as; null of a plain row.
std::atomic<std::size_t>* counted_as(Census& census, std::uint8_t flags) {
  if ((flags & kFree) != 0) return &census.free;
  if ((flags & kDead) != 0) return &census.dead;
  if ((flags & kMarked) != 0) return &census.marked;
  if ((flags & kNewborn) != 0) return &census.newborn;
  return nullptr;
}

}  // namespace

std::uint8_t flags_of(const State& state, Slot slot) {
  return __atomic_load_n(state.flags.at<std::uint8_t>(slot), __ATOMIC_ACQUIRE);
}

void set_flags(State& state, Slot slot, std::uint8_t flags) {
  Census& census = state.census;
  const std::uint8_t before = flags_of(state, slot);
  census.changes.fetch_add(1, std::memory_order_relaxed);
  std::atomic<std::size_t>* was = counted_as(census, before);
  std::atomic<std::size_t>* is = counted_as(census, flags);
  // Up before the flag is set and down after it is cleared: a query that finds 0 meets none.
  if (is != nullptr && was == nullptr) census.away.fetch_add(1, std::memory_order_release);
  __atomic_store_n(state.flags.at<std::uint8_t>(slot), flags, __ATOMIC_RELEASE);
  if (is == nullptr && was != nullptr) census.away.fetch_sub(1, std::memory_order_release);
  if (is == was) return;
  if (is != nullptr) is->fetch_add(1, std::memory_order_relaxed);
  if (was != nullptr) was->fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace nearfield
