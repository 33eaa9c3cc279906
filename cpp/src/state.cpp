#include "state.h"

#include <algorithm>

#include "files/block_guard.h"

namespace nearfield {

State::State(const IndexConfig& c)
    : config(c),
      graph(c.M),
      vectors(padded_dimensions(c.dimensions) * element_bytes(c.storage)),
      ids(sizeof(Id)),
      flags(1),
      replaced_by(sizeof(Slot)),
      numbers(sizeof(std::uint64_t)) {}

State::~State() = default;

void State::grow(std::size_t slots) {
  graph.grow(slots);
  const bool codes_only = config.storage == Storage::CodesOnly;
  if (!codes_only) vectors.grow(slots);
  if (codes_only && count.load(std::memory_order_relaxed) < kFewSlots) vectors.grow(std::min(slots, kFewSlots));
  ids.grow(slots);
  flags.grow(slots);
}

}  // namespace nearfield
