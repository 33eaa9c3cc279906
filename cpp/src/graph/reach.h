// What paths of links reach.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/graph.h"
#include "nearfield/types.h"
#include "planes/rows.h"

namespace nearfield {

// Rows of `places` links each, of which places behind the last link hold kNoSlot. O(links) in all; one bit per slot.
class Reach {
 public:
  Reach(RowsView rows, std::size_t places, std::size_t count) : rows_(rows), places_(places), reached_(count, false) {}

  bool has(Slot slot) const { return reached_[slot]; }
  void add(Slot slot);  // the slot and everything that it leads to

 private:
  void meet(Slot slot);

  RowsView rows_;
  std::size_t places_;
  std::vector<bool> reached_;
  std::vector<Slot> open_;
};

// Everything that the entry point of a graph of `count` slots leads to on level 0.
Reach reach_of(const Graph& graph, std::size_t count);

}  // namespace nearfield
