#include "files/reach_all.h"

#include <algorithm>

#include "graph/graph.h"

namespace nearfield {
namespace {

class Reached {
 public:
  Reached(const std::vector<Slot>& links, std::size_t places)
      : links_(links), places_(places), reached_(links.size() / places, false) {}

  bool has(Slot row) const { return reached_[row]; }

  void add(Slot row) {
    meet(row);
    while (!open_.empty()) {
      const Slot* list = links_.data() + open_.back() * places_;
      open_.pop_back();
      for (std::size_t i = 0; i < places_ && list[i] != kNoSlot; ++i) meet(list[i]);
    }
  }

 private:
  void meet(Slot row) {
    if (reached_[row]) return;
    reached_[row] = true;
    open_.push_back(row);
  }

  const std::vector<Slot>& links_;
  std::size_t places_;
  std::vector<bool> reached_;
  std::vector<Slot> open_;
};

// Put `target` into a list that does not hold it: in a free place, else in the last one.
void put_last(Slot* list, std::size_t places, Slot target) {
  list[std::min(degree(list, places), places - 1)] = target;
}

}  // namespace

void reach_all(std::vector<Slot>& links, std::size_t places, Slot entry) {
  const auto list_of = [&](Slot row) { return links.data() + row * places; };
  Reached reached(links, places);
  reached.add(entry);
  for (std::size_t i = 0; i < links.size() / places; ++i) {
    const auto row = static_cast<Slot>(i);
    if (reached.has(row)) continue;
    Slot* own = list_of(row);
    Slot* own_end = own + degree(own, places);
    Slot* neighbour = std::find_if(own, own_end, [&](Slot target) { return reached.has(target); });
    Slot* from = list_of(neighbour == own_end ? entry : *neighbour);
    const Slot taken_over = from[places - 1];
    put_last(from, places, row);
    // What the row's own last link led to was not reached through it, so that link may go.
    if (taken_over != kNoSlot && std::find(own, own_end, taken_over) == own_end) put_last(own, places, taken_over);
    reached.add(row);
  }
}

}  // namespace nearfield
