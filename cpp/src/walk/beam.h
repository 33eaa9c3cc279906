// The beam: a bounded array of (distance, slot), sorted, nearest first.
//
// An entry is one 64-bit word, so that sorting by the word sorts by distance and then by slot: a total
// order, hence equal results on every machine.
//
//   bits 63-32  distance as an integer that sorts like the float
//   bits 31-1   slot
//   bit  0      expanded: its links were followed
//
// Invariants: entries[0 .. size) ascend; size <= capacity; every entry before `next` is expanded; no
// slot appears twice (the caller asks Visited first).
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

inline std::uint64_t make_entry(float distance, std::uint32_t slot) {
  const auto bits = __builtin_bit_cast(std::uint32_t, distance);
  const std::uint32_t key = bits ^ (bits >> 31 != 0 ? 0xFFFFFFFFu : 0x80000000u);
  return std::uint64_t{key} << 32 | std::uint64_t{slot} << 1;
}

inline float entry_distance(std::uint64_t entry) {
  const auto key = static_cast<std::uint32_t>(entry >> 32);
  return __builtin_bit_cast(float, key ^ (key >> 31 != 0 ? 0x80000000u : 0xFFFFFFFFu));
}

inline std::uint32_t entry_slot(std::uint64_t entry) { return static_cast<std::uint32_t>(entry) >> 1; }

struct Beam {
  std::uint64_t* entries;
  std::size_t capacity;  // at least 1
  std::size_t size = 0;
  std::size_t next = 0;  // first entry that may be unexpanded

  bool full() const { return size == capacity; }
  // An entry at or above this is not accepted.
  std::uint64_t bound() const { return full() ? entries[size - 1] : ~std::uint64_t{0}; }

  // Insert an entry below bound(). The furthest one leaves a full beam. O(size) moves, O(log size) compares.
  void insert(std::uint64_t entry) {
    std::size_t low = 0;
    std::size_t length = size;
    while (length > 0) {  // branch-free halving: the compiler makes a conditional move of it
      const std::size_t half = length / 2;
      const bool right = entries[low + half] < entry;
      low = right ? low + half + 1 : low;
      length = right ? length - half - 1 : half;
    }
    const std::size_t last = full() ? size - 1 : size++;
    __builtin_memmove(entries + low + 1, entries + low, (last - low) * sizeof(std::uint64_t));
    entries[low] = entry;
    if (low < next) next = low;
  }

  // The nearest entry that was not expanded, marked as expanded now; false when there is none.
  bool pop(std::uint64_t& entry) {
    while (next < size && (entries[next] & 1) != 0) ++next;
    if (next == size) return false;
    entry = entries[next];
    entries[next++] |= 1;
    return true;
  }
};

}  // namespace
}  // namespace nearfield
