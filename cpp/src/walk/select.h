// Selection among entries of a walk, which all differ.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

// Bring the `wanted` smallest of n entries to the front (Hoare's selection; the order of the others does not matter,
// and entries differ, so the same ones on every machine).
inline void select_smallest(std::uint64_t* entries, std::size_t n, std::size_t wanted) {
  std::size_t low = 0, high = n;  // the boundary at `wanted` lies between
  while (high - low > 1) {
    const std::uint64_t pivot = entries[low + (high - low - 1) / 2];
    std::size_t left = low, right = high - 1;
    while (true) {
      while (entries[left] < pivot) ++left;
      while (entries[right] > pivot) --right;
      if (left >= right) break;
      const std::uint64_t entry = entries[left];
      entries[left++] = entries[right];
      entries[right--] = entry;
    }
    const std::size_t middle = right + 1;  // before it nothing is above the pivot, from it on nothing below
    if (wanted == middle) return;
    (wanted < middle ? high : low) = middle;
  }
}

}  // namespace
}  // namespace nearfield
