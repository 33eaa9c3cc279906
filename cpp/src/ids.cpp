#include "ids.h"

#include <algorithm>
#include <bit>

#include "hash.h"

namespace nearfield {

std::size_t IdTable::cell_of(Id id) const {
  const std::size_t mask = cells_.size() - 1;
  std::size_t cell = mix64(id) & mask;
  while (cells_[cell] != kNoSlot && *ids_->at<Id>(cells_[cell]) != id) cell = (cell + 1) & mask;
  return cell;
}

Slot IdTable::find(Id id) const {
  if (cells_.empty()) return id < size_ ? static_cast<Slot>(id) : kNoSlot;
  return cells_[cell_of(id)];
}

Slot IdTable::put(Id id, Slot slot) {
  if (cells_.empty()) {
    if (id == slot && slot == size_) {
      ++size_;
      return kNoSlot;
    }
    rebuild(std::bit_ceil(2 * (size_ + 8)));
  } else if (2 * (size_ + 1) > cells_.size()) {
    rebuild(2 * cells_.size());
  }
  Slot& cell = cells_[cell_of(id)];
  const Slot before = cell;
  if (before == kNoSlot) ++size_;
  cell = slot;
  return before;
}

void IdTable::reserve_to_erase() {
  if (cells_.empty()) rebuild(std::bit_ceil(2 * (std::max(size_, promised_) + 8)));
}

// What follows in the same run of cells moves up where its way from its own cell leads past the empty one (Knuth, The
// Art of Computer Programming 3, 6.4, algorithm R).
Slot IdTable::erase(Id id) {
  if (find(id) == kNoSlot) return kNoSlot;
  reserve_to_erase();
  const std::size_t mask = cells_.size() - 1;
  std::size_t empty = cell_of(id);
  const Slot slot = cells_[empty];
  for (std::size_t cell = (empty + 1) & mask; cells_[cell] != kNoSlot; cell = (cell + 1) & mask) {
    const std::size_t own = mix64(*ids_->at<Id>(cells_[cell])) & mask;
    if (((cell - own) & mask) < ((cell - empty) & mask)) continue;
    cells_[empty] = cells_[cell];
    empty = cell;
  }
  cells_[empty] = kNoSlot;
  --size_;
  return slot;
}

void IdTable::reserve(const Id* ids, std::size_t rows, std::size_t first) {
  bool are_slots = cells_.empty() && first == size_;
  for (std::size_t row = 0; row < rows && are_slots; ++row) are_slots = ids[row] == first + row;
  if (are_slots) promised_ = first + rows;
  if (are_slots) return;
  const auto fresh = std::count_if(ids, ids + rows, [this](Id id) { return find(id) == kNoSlot; });
  const std::size_t cells = std::bit_ceil(2 * (size_ + static_cast<std::size_t>(fresh) + 8));
  if (cells > cells_.size()) rebuild(cells);
}

void IdTable::rebuild(std::size_t cells) {
  std::vector<Slot> old(cells, kNoSlot);  // may throw; everything is as it was then
  old.swap(cells_);
  if (old.empty()) {
    for (std::size_t slot = 0; slot < size_; ++slot) cells_[cell_of(slot)] = static_cast<Slot>(slot);
  } else {
    for (const Slot slot : old) {
      if (slot != kNoSlot) cells_[cell_of(*ids_->at<Id>(slot))] = slot;
    }
  }
}

}  // namespace nearfield
