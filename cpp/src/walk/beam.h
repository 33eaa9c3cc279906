// The beam: a bounded array of (distance, slot), sorted, nearest first.
//
// An entry is one 64-bit word, so that sorting by the word sorts by distance and then by slot: a total
// order, hence equal results on every machine.
//
//   bits 63-32  key: a number that sorts like the distance (simd/kernels.h)
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

inline std::uint64_t make_entry(std::uint32_t key, std::uint32_t slot) {
  return std::uint64_t{key} << 32 | std::uint64_t{slot} << 1;
}

inline std::uint32_t entry_key(std::uint64_t entry) { return static_cast<std::uint32_t>(entry >> 32); }

inline std::uint32_t entry_slot(std::uint64_t entry) { return static_cast<std::uint32_t>(entry) >> 1; }

// As many entries or masks as a register of this level holds: compilers take wider vectors apart into single numbers.
#if defined(__AVX512F__)
inline constexpr std::size_t kBlock = 8;
#elif defined(__AVX2__)
inline constexpr std::size_t kBlock = 4;
#else
inline constexpr std::size_t kBlock = 2;
#endif
typedef std::uint64_t Entries __attribute__((vector_size(8 * kBlock), aligned(8)));
typedef std::int64_t Masks __attribute__((vector_size(8 * kBlock), aligned(8)));

// The entries one place before those of `here`, which follow on `before`.
inline Entries one_before(Entries before, Entries here) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(before, here, 7, 8, 9, 10, 11, 12, 13, 14);
#elif defined(__AVX2__)
  return __builtin_shufflevector(before, here, 3, 4, 5, 6);
#else
  return __builtin_shufflevector(before, here, 1, 2);
#endif
}

// By numbers that are known: gcc 12 keeps a vector that is indexed by a variable in memory, and misaligns it where the
// address sanitizer watches the stack.
template <class Numbers>
inline std::int64_t sum_of(Numbers numbers) {
  std::int64_t sum = numbers[0] + numbers[1];
  if constexpr (sizeof(Numbers) >= 32) sum += numbers[2] + numbers[3];
  if constexpr (sizeof(Numbers) >= 64) sum += numbers[4] + numbers[5] + numbers[6] + numbers[7];
  return sum;
}

// Entries. Up to the first an entry is inserted without a branch, up to the second by moving blocks from the end to
// where it goes; longer beams are searched. x86-64 without AVX2 compares no 64-bit numbers by registers.
#if defined(__SSE2__) && !defined(__AVX2__)
inline constexpr std::size_t kShortBeam = 0;
inline constexpr std::size_t kBlockBeam = 0;
#else
inline constexpr std::size_t kShortBeam = 64;
inline constexpr std::size_t kBlockBeam = 16 * kBlock * kBlock;  // 1024, 256, 64
#endif
inline constexpr std::size_t kBeamMargin = 8;  // places before and behind a beam that insert reads and writes

struct Beam {
  std::uint64_t* entries = nullptr;  // kBeamMargin places more on both sides; call clear() before the first insert
  std::size_t capacity = 0;          // at least 1
  std::size_t size = 0;
  std::size_t next = 0;  // first entry that may be unexpanded

  void clear() {
    const std::size_t places = (capacity < kBlockBeam ? capacity : kBlockBeam) + kBeamMargin;
    __builtin_memset(entries - kBeamMargin, 0, kBeamMargin * sizeof(std::uint64_t));
    __builtin_memset(entries, 0xFF, places * sizeof(std::uint64_t));
    size = next = 0;
  }

  bool full() const { return size == capacity; }
  // An entry at or above this is not accepted.
  std::uint64_t bound() const { return full() ? entries[size - 1] : ~std::uint64_t{0}; }

  // Insert an entry; one at or above bound() is left out. The furthest one leaves a full beam.
  void insert(std::uint64_t entry) {
    if (size < kShortBeam) return insert_by_blocks<false>(entry);
    if (size < kBlockBeam) return insert_by_blocks<true>(entry);
    insert_long(entry);
  }

  // Each place keeps its entry, or takes the new one, or the entry before it. Where an entry goes is a coin toss, which
  // a branch would lose, so a short beam is moved without asking; in a longer one the blocks that stay are worth a
  // branch.
  template <bool kStops>
  void insert_by_blocks(std::uint64_t entry) {
    Masks smaller = {};
    std::size_t block = size / kBlock * kBlock;
    Entries here;
    __builtin_memcpy(&here, entries + block, sizeof here);
    while (true) {
      Entries before;  // loaded as it was stored, and shifted: a load across two stores would wait for both
      __builtin_memcpy(&before, entries + block - kBlock, sizeof before);
      const Entries left = one_before(before, here);
      const Masks stays = here < entry;
      smaller += stays;
      const Entries moved = left < entry ? Entries{} + entry : left;
      const bool found = kStops && entries[block] < entry;
      here = stays ? here : moved;
      __builtin_memcpy(entries + block, &here, sizeof here);
      if (block == 0 || found) break;
      block -= kBlock;
      here = before;
    }
    const std::size_t position = block - static_cast<std::size_t>(sum_of(smaller));
    size += size < capacity;
    next = position < next ? position : next;
  }

  void insert_long(std::uint64_t entry) {
    std::size_t low = 0;
    std::size_t length = size;
    while (length > 0) {  // branch-free halving: the compiler makes a conditional move of it
      const std::size_t half = length / 2;
      const bool right = entries[low + half] < entry;
      low = right ? low + half + 1 : low;
      length = right ? length - half - 1 : half;
    }
    if (low == capacity) return;
    const std::size_t last = full() ? size - 1 : size++;
    __builtin_memmove(entries + low + 1, entries + low, (last - low) * sizeof(std::uint64_t));
    entries[low] = entry;
    if (low < next) next = low;
  }

  // The nearest entry that was not expanded, among the first `ef`; false when there is none.
  bool peek(std::size_t ef, std::uint64_t& entry) {
    const std::size_t end = size < ef ? size : ef;
    while (next < end && (entries[next] & 1) != 0) ++next;
    if (next >= end) return false;
    entry = entries[next];
    return true;
  }

  // The same, marked as expanded now.
  bool pop(std::size_t ef, std::uint64_t& entry) {
    if (!peek(ef, entry)) return false;
    entries[next++] |= 1;
    return true;
  }
};

}  // namespace
}  // namespace nearfield
