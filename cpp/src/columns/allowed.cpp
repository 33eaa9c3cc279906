#include "columns/allowed.h"

#include <bit>
#include <utility>

#include "walk/filter.h"

namespace nearfield {
namespace {

bool has(const std::vector<std::uint64_t>& bits, Slot slot) { return (bits[slot >> 6] >> (slot & 63) & 1) != 0; }

std::uint64_t bit_of(Slot slot) { return std::uint64_t{1} << (slot & 63); }

}  // namespace

Allowed all_returnable(const WalkView& view) {
  Allowed all{std::vector<std::uint64_t>(view.count / 64 + 1, ~std::uint64_t{0}), view.count};
  all.bits.back() = (std::uint64_t{1} << (view.count & 63)) - 1;
  if (view.hide == 0) return all;
  for (std::size_t i = 0; i < view.count; ++i) {
    const auto slot = static_cast<Slot>(i);
    if (!is_hidden(view, slot)) continue;
    all.bits[slot >> 6] &= ~bit_of(slot);
    --all.count;
  }
  return all;
}

void take_away(Allowed& allowed, const IdTable& table, std::span<const Id> ids) {
  for (const Id id : ids) {
    const Slot slot = table.find(id);
    if (slot == kNoSlot || !has(allowed.bits, slot)) continue;
    allowed.bits[slot >> 6] &= ~bit_of(slot);
    --allowed.count;
  }
}

void keep_only(Allowed& allowed, const IdTable& table, std::span<const Id> ids) {
  const Allowed before = std::exchange(allowed, {std::vector<std::uint64_t>(allowed.bits.size()), 0});
  for (const Id id : ids) {
    const Slot slot = table.find(id);
    if (slot == kNoSlot || !has(before.bits, slot) || has(allowed.bits, slot)) continue;
    allowed.bits[slot >> 6] |= bit_of(slot);
    ++allowed.count;
  }
}

void keep_common(Allowed& allowed, const Allowed& other) {
  allowed.count = 0;
  for (std::size_t w = 0; w < allowed.bits.size(); ++w) {
    allowed.bits[w] &= other.bits[w];
    allowed.count += static_cast<std::size_t>(std::popcount(allowed.bits[w]));
  }
}

std::size_t ReturnableSlots::next(Slot* slots, std::size_t most) {
  std::size_t n = 0;
  while (slot_ < view_.count && n < most) {
    const auto slot = static_cast<Slot>(slot_);
    if (filter_ != nullptr && filter_->allowed != nullptr) {
      const std::uint64_t rest = filter_->allowed[slot >> 6] >> (slot & 63);
      const auto skipped = static_cast<std::size_t>(std::countr_zero(rest));
      if (skipped > 0) {  // to the next bit, or to the next word
        slot_ = rest == 0 ? (slot_ / 64 + 1) * 64 : slot_ + skipped;
        continue;
      }
    }
    ++slot_;
    if (may_return(view_, filter_, slot, scratch_)) slots[n++] = slot;
    if (scratch_.damaged) return 0;
  }
  return n;
}

}  // namespace nearfield
