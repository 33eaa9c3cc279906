#include "state.h"

#include "files/block_guard.h"

namespace nearfield {

State::State(const IndexConfig& c)
    : config(c),
      graph(c.M),
      vectors(padded_dimensions(c.dimensions) * element_bytes(c.storage)),
      ids(sizeof(Id)),
      flags(1),
      superseded_by(sizeof(Slot)) {}

State::~State() = default;

void State::grow(std::size_t slots) {
  graph.grow(slots);
  vectors.grow(slots);
  ids.grow(slots);
  flags.grow(slots);
}

}  // namespace nearfield
