// What a filter lets through, as slots of one view: a bit each, and where there are few a list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ids.h"
#include "nearfield/types.h"
#include "walk/reading.h"

namespace nearfield {

struct Allowed {
  std::vector<std::uint64_t> bits;  // a bit per slot below view.count, 0 behind them: may be returned
  std::size_t count = 0;            // of bits that are 1
};

// The slots of the view that may be returned where no filter is given: hidden ones are not among them.
Allowed all_returnable(const WalkView& view);

// Take away the rows of some ids, or all but these. The id table must be that of the instant of the view: both are
// taken under the id lock.
void take_away(Allowed& allowed, const IdTable& table, std::span<const Id> ids);
void keep_only(Allowed& allowed, const IdTable& table, std::span<const Id> ids);
// Keep what is in both.
void keep_common(Allowed& allowed, const Allowed& other);

// Reads one after the other the slots that may be returned, ascending, some at a time.
class ReturnableSlots {
 public:
  ReturnableSlots(const WalkView& view, const SlotFilter* filter, WalkScratch& scratch)
      : view_(view), filter_(filter), scratch_(scratch) {}
  // The next ones, at most `most`; 0 at the end, or where scratch.damaged.
  std::size_t next(Slot* slots, std::size_t most);

 private:
  const WalkView& view_;
  const SlotFilter* filter_;
  WalkScratch& scratch_;
  std::size_t slot_ = 0;
};

}  // namespace nearfield
