// Which slots a walk may return, besides those that are hidden: as plain pointers, tested one slot at a time.
//
// Slots are only a shortcut. What a filter means is said in ids: a bit per slot is as good as the instant at which
// it was made, so it belongs to the view of that instant; a set of ids is good at any time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk/hop.h"

namespace nearfield {
namespace {

inline constexpr std::uint64_t kEmptyCell = ~std::uint64_t{0};  // kNoId, which is nobody's id

// Where an id begins to be looked for: the high bits of a product by an odd number near 2^64 / phi.
inline std::size_t cell_of_id(std::uint64_t id, int shift) {
  return static_cast<std::size_t>(id * 0x9E3779B97F4A7C15u >> shift);
}

inline bool holds_id(const IdCells& set, std::uint64_t id) {
  const std::size_t mask = (std::size_t{1} << (64 - set.shift)) - 1;
  for (std::size_t cell = cell_of_id(id, set.shift);; cell = (cell + 1) & mask) {
    if (set.cells[cell] == id) return true;
    if (set.cells[cell] == kEmptyCell) return false;
  }
}

inline bool tests_ids(const SlotFilter& filter) {
  return filter.denied_ids.cells != nullptr || filter.allowed_ids.cells != nullptr;
}
// Whether it may leave out anything.
inline bool leaves_out(const SlotFilter& filter) { return filter.allowed != nullptr || tests_ids(filter); }

inline bool passes(const WalkView& view, const SlotFilter& filter, std::uint32_t slot, WalkScratch& scratch) {
  if (filter.allowed != nullptr && (filter.allowed[slot >> 6] >> (slot & 63) & 1) == 0) return false;
  if (!tests_ids(filter)) return true;
  const auto* id = reinterpret_cast<const std::uint64_t*>(view.ids.row(slot));
  if (!touch(view, id, sizeof *id, scratch)) return false;
  if (filter.denied_ids.cells != nullptr && holds_id(filter.denied_ids, *id)) return false;
  return filter.allowed_ids.cells == nullptr || holds_id(filter.allowed_ids, *id);
}

// Whether a walk may return a slot.
inline bool may_return(const WalkView& view, const SlotFilter* filter, std::uint32_t slot, WalkScratch& scratch) {
  if (view.hide != 0 && is_hidden(view, slot)) return false;
  return filter == nullptr || passes(view, *filter, slot, scratch);
}

}  // namespace
}  // namespace nearfield
