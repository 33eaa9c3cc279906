#include "graph/kept_links.h"

#include <algorithm>
#include <new>

#include "threads.h"

namespace nearfield {

void KeptLinks::begin(std::size_t count, std::size_t places, std::size_t most_rows) {
  const std::scoped_lock lock(mutex_);
  forks_ = num_forks();
  count_ = count;
  places_ = places;
  most_rows_ = std::max<std::size_t>(most_rows, 1);
  next_ = 0;
  free_.reserve(most_rows_);
  rows_.reserve(most_rows_ * places);  // a vector that grows has its rows twice for a moment
  is_saving_.store(true, std::memory_order_release);
}

void KeptLinks::end() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    is_saving_.store(false, std::memory_order_release);
    kept_ = {};
    rows_ = {};
    free_ = {};
  }
  has_room_.notify_all();
}

void KeptLinks::keep(Slot slot, const std::uint32_t* row) {
  if (num_forks() != forks_) return;
  std::unique_lock lock(mutex_);
  const auto is_needed = [&] {
    return is_saving_.load(std::memory_order_relaxed) && slot < count_ && slot >= next_ && !kept_.contains(slot);
  };
  has_room_.wait(lock, [&] { return !is_needed() || kept_.size() < most_rows_; });
  if (!is_needed()) return;
  try {
    const auto [kept, is_new] = kept_.try_emplace(slot, rows_.size() / places_);
    if (!free_.empty()) {
      kept->second = free_.back();
      free_.pop_back();
    } else {
      rows_.resize(rows_.size() + places_);  // reserved
    }
    std::copy_n(row, places_, rows_.begin() + static_cast<std::ptrdiff_t>(kept->second * places_));
  } catch (const std::bad_alloc&) {
    // Whoever undoes what failed for want of memory must not fail: the row is changed when it has been written.
    has_room_.wait(lock, [&] { return !is_needed(); });
  }
}

std::size_t KeptLinks::count_saved() const {
  if (!is_saving_.load(std::memory_order_acquire) || num_forks() != forks_) return 0;
  const std::scoped_lock lock(mutex_);
  return is_saving_.load(std::memory_order_relaxed) ? count_ : 0;
}

void KeptLinks::wait_for_end() {
  if (count_saved() == 0) return;
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] { return !is_saving_.load(std::memory_order_relaxed); });
}

void KeptLinks::take(Slot slot, const std::uint32_t* row, std::uint32_t* out) {
  const std::scoped_lock lock(mutex_);
  const auto kept = kept_.find(slot);
  if (kept == kept_.end()) {
    // Nobody has changed it: that is announced here first.
    for (std::size_t i = 0; i < places_; ++i) out[i] = __atomic_load_n(row + i, __ATOMIC_RELAXED);
  } else {
    std::copy_n(rows_.begin() + static_cast<std::ptrdiff_t>(kept->second * places_), places_, out);
  }
  go_on(slot);
}

void KeptLinks::pass(Slot slot) {
  const std::scoped_lock lock(mutex_);
  go_on(slot);
}

void KeptLinks::go_on(Slot slot) {
  const auto kept = kept_.find(slot);
  if (kept != kept_.end()) {
    free_.push_back(kept->second);
    kept_.erase(kept);
  }
  next_ = std::size_t{slot} + 1;
  has_room_.notify_all();
}

}  // namespace nearfield
