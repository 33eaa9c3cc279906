#include "files/reach_all.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "graph/reach.h"

namespace nearfield {
namespace {

// A vector of rows as a plane is seen: every segment begins at the same address.
class Rows {
 public:
  Rows(const std::vector<Slot>& links, std::size_t places) : stride_(places * sizeof(Slot)) {
    bases_.fill(reinterpret_cast<std::uintptr_t>(links.data()));
  }
  RowsView view() const { return {bases_.data(), stride_}; }

 private:
  std::array<std::uintptr_t, kNumSegments + 1> bases_;
  std::size_t stride_;
};

// Put `target` into a list that does not hold it: in a free place, else in the last one.
void put_last(Slot* list, std::size_t places, Slot target) {
  list[std::min(degree(list, places), places - 1)] = target;
}

}  // namespace

void reach_all(std::vector<Slot>& links, std::size_t places, Slot entry) {
  const auto list_of = [&](Slot row) { return links.data() + row * places; };
  const Rows rows(links, places);
  Reach reached(rows.view(), places, links.size() / places);
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
