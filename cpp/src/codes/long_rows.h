// Rows far longer than nearly all others, among inner products. Their codes are held at the edge of the grid, far from
// what they are, and yet many queries have nothing nearer; a grid as wide as they are would blur all others. They are
// few, so every query compares them by their vectors. Where they are more than this list holds, codes lead no query.
//
// Of one writer; queries read while it appends.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>

#include "nearfield/types.h"

namespace nearfield {

class LongRows {
 public:
  static constexpr std::size_t kMost = 32;

  // One more than kMost where there are too many: a file says so by that.
  std::size_t size() const { return std::min(kMost + 1, wanted()); }
  bool are_too_many() const { return wanted() > kMost; }
  Slot operator[](std::size_t i) const { return slots_[i].load(std::memory_order_relaxed); }  // i < size()

  // How many were appended. Where all are here, a place is free.
  std::size_t wanted() const { return wanted_.load(std::memory_order_acquire); }
  bool has_room(std::size_t more) const { return wanted() + more < kMost; }
  void append(Slot slot) {
    const std::size_t n = wanted();
    if (n <= kMost) slots_[n].store(slot, std::memory_order_relaxed);
    wanted_.store(n + 1, std::memory_order_release);
  }
  // Where all are here: let one go. A query that reads meanwhile may meet another twice, and misses none.
  void drop(std::size_t i) {
    const std::size_t last = wanted() - 1;
    slots_[i].store((*this)[last], std::memory_order_relaxed);
    wanted_.store(last, std::memory_order_release);
  }
  void cut(std::size_t wanted) { wanted_.store(wanted, std::memory_order_release); }  // take the last ones back

 private:
  std::array<std::atomic<Slot>, kMost + 1> slots_{};
  std::atomic<std::size_t> wanted_{0};
};

}  // namespace nearfield
