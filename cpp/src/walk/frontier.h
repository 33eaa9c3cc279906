// What a walk has met and not yet followed, where that is more than the beam: the beam then holds only what may be
// returned, and a walk goes on through what may not. A heap with four children to a node, the nearest on top; entries
// as in beam.h.
//
// Bounded: when it is full, the further half is forgotten. That half lies behind as many that are nearer, so a walk
// that would have come to it has followed thousands of slots by then.
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk/select.h"

namespace nearfield {
namespace {

struct Frontier {
  std::uint64_t* entries = nullptr;  // `capacity` of them
  std::size_t capacity = 0;          // at least 2
  std::size_t size = 0;

  bool empty() const { return size == 0; }
  std::uint64_t top() const { return entries[0]; }

  void push(std::uint64_t entry) {
    if (size == capacity) forget_half();
    rise(size++, entry);
  }

  void pop() {
    const std::uint64_t last = entries[--size];
    if (size > 0) sink(0, last);
  }

 private:
  void rise(std::size_t place, std::uint64_t entry) {
    while (place > 0) {
      const std::size_t parent = (place - 1) / 4;
      if (entries[parent] <= entry) break;
      entries[place] = entries[parent];
      place = parent;
    }
    entries[place] = entry;
  }

  void sink(std::size_t place, std::uint64_t entry) {
    while (true) {
      const std::size_t first = 4 * place + 1;
      if (first >= size) break;
      const std::size_t end = first + 4 < size ? first + 4 : size;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        least = entries[child] < entries[least] ? child : least;
      }
      if (entries[least] >= entry) break;
      entries[place] = entries[least];
      place = least;
    }
    entries[place] = entry;
  }

  void forget_half() {
    const std::size_t kept = capacity / 2;
    select_smallest(entries, size, kept);
    size = kept;
    for (std::size_t place = kept; place-- > 0;) sink(place, entries[place]);
  }
};

}  // namespace
}  // namespace nearfield
