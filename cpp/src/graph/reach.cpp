#include "graph/reach.h"

namespace nearfield {

void Reach::meet(Slot slot) {
  if (slot >= reached_.size() || reached_[slot]) return;
  reached_[slot] = true;
  open_.push_back(slot);
}

void Reach::add(Slot slot) {
  meet(slot);
  while (!open_.empty()) {
    const auto* row = reinterpret_cast<const Slot*>(rows_.row(open_.back()));
    open_.pop_back();
    for (std::size_t i = 0; i < places_; ++i) {
      const Slot target = __atomic_load_n(row + i, __ATOMIC_RELAXED);
      if (target == kNoSlot) break;
      meet(target);
    }
  }
}

Reach reach_of(const Graph& graph, std::size_t count) {
  Reach reach(graph.links.view(), graph.places(0), count);
  const Entry entry = graph.entry();
  if (entry.slot < count) reach.add(entry.slot);
  return reach;
}

}  // namespace nearfield
