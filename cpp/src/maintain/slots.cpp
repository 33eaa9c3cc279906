#include "maintain/slots.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace nearfield {
namespace {

constexpr std::size_t kHeldShare = 32;  // of the slots of a save: that may be held for it at most

std::size_t num_slots(const std::vector<Waiting>& waiting) {
  std::size_t slots = 0;
  for (const Waiting& group : waiting) slots += group.slots.size();
  return slots;
}

// The slots that nobody waits for who began in the epoch `oldest` or later, out of the list.
void take_settled(std::vector<Waiting>& waiting, std::uint64_t oldest, std::vector<Slot>& settled) {
  std::erase_if(waiting, [&](const Waiting& group) {
    if (oldest < group.epoch) return false;
    settled.insert(settled.end(), group.slots.begin(), group.slots.end());
    return true;
  });
}

// Nobody reads the links of a free slot; they are cleared so that a file holds none.
void clear_links(Graph& graph, Slot slot) {
  for (int level = 0; level <= graph.level_of(slot); ++level) {
    std::uint32_t* row = graph.row(slot, level);
    std::fill_n(row, graph.places(level), kNoSlot);
  }
  *graph.links_to.at<std::uint32_t>(slot) = 0;
}

// Rows that a query compares by their vectors wherever its walk has gone: only of rows that are there.
void drop_long_rows(State& state) {
  if (!state.code_plane) return;
  LongRows& long_rows = state.code_plane->long_rows;
  if (long_rows.are_too_many()) return;
  for (std::size_t i = long_rows.size(); i > 0; --i) {
    if ((flags_of(state, long_rows[i - 1]) & (kDead | kFree)) != 0) long_rows.drop(i - 1);
  }
}

}  // namespace

void settle_slots(State& state, ScratchPool& pool, const UnderIdLock& under_id_lock) {
  Repair& repair = state.repair;
  repair.freed.reserve(repair.freed.size() + 1);
  std::vector<Slot> grown, unlinked;
  const std::function<void()> change = [&] {
    for (const Slot slot : grown) {
      set_flags(state, slot, static_cast<std::uint8_t>(flags_of(state, slot) & ~kNewborn));
    }
    for (const Slot slot : unlinked) set_flags(state, slot, kFree);
  };
  grown.reserve(num_slots(repair.newborns));  // all memory, before anything is taken
  unlinked.reserve(num_slots(repair.unlinked));
  // By one value: a newborn row that has died since is settled as such before its slot is free.
  const std::uint64_t oldest = pool.oldest();
  take_settled(repair.newborns, oldest, grown);
  take_settled(repair.unlinked, oldest, unlinked);
  if (!grown.empty() || !unlinked.empty()) {
    drop_long_rows(state);
    for (const Slot slot : unlinked) clear_links(state.graph, slot);
    under_id_lock(change);
    // A query that read flags before that may still take a slot's row for one that it is to look at.
    if (!unlinked.empty()) repair.freed.push_back({pool.advance(), std::move(unlinked)});
  }
  repair.free.reserve(repair.free.size() + num_slots(repair.freed));
  std::vector<Slot> ready;
  ready.reserve(num_slots(repair.freed));
  take_settled(repair.freed, pool.oldest(), ready);
  if (ready.empty()) return;
  repair.free.insert(repair.free.end(), ready.begin(), ready.end());
  std::sort(repair.free.begin(), repair.free.end(), std::greater<>());
}

void bound_growth(State& state, ScratchPool& pool) {
  const std::size_t saved = state.graph.kept.count_saved();
  if (saved == 0) return;
  const std::size_t grown = state.count.load(std::memory_order_relaxed) - saved;
  const std::size_t held = num_slots(state.repair.unlinked) + num_slots(state.repair.freed);
  if (std::min(grown, held) <= saved / kHeldShare) return;
  state.graph.kept.wait_for_end();
  pool.wait_until_left(pool.advance());  // the save reads nothing more, but may not have left yet
}

void find_slots(State& state) {
  Repair& repair = state.repair;
  repair.free.clear();
  repair.num_leaving = 0;
  for (std::size_t i = state.count.load(std::memory_order_relaxed); i > 0; --i) {
    const auto slot = static_cast<Slot>(i - 1);
    const std::uint8_t flags = flags_of(state, slot);
    if ((flags & kFree) != 0) repair.free.push_back(slot);
    repair.num_leaving += (flags & kLeaving) != 0;
  }
}

}  // namespace nearfield
