#include "walk/reading.h"

#include <algorithm>

#include "files/block_guard.h"
#include "flags.h"

namespace nearfield {

Reading read_state(const State& state, const Metric& metric) {
  // The entry point first: the count that is read after it covers it.
  Reading reading{&state, state.graph.entry(), {}, metric.walks, nullptr, nullptr};
  WalkView& view = reading.view;
  view.count = state.count.load(std::memory_order_acquire);
  view.rows = state.vectors.view();
  reading.codes = state.codes.load();
  if (reading.codes != nullptr) {
    view.rows = reading.codes->rows.view();
    reading.walks = metric.code_walks;
    reading.sketch = reading.codes->sketch_or_null();
    view.sketches = reading.codes->sketches.view();
  }
  view.links = state.graph.links.view();
  view.upper_links = state.graph.upper_links.view();
  view.upper_of = state.graph.upper_of.view();
  view.flags = state.flags.view();
  view.replaced_by = state.replaced_by.view();
  view.numbers = state.numbers.view();
  view.ids = state.ids.view();
  view.places0 = 2 * state.graph.M;
  view.places = state.graph.M;
  view.published = state.published.load(std::memory_order_acquire);  // after the count: of two versions of a row that
                                                                     // differ in both, one exists
  view.hide = state.census.away.load(std::memory_order_acquire) > 0 ? kAway : 0;
  if (state.guard && !state.guard->all_checked()) {
    view.touch = &BlockGuard::touch;
    view.guard = state.guard.get();
    view.upper_rows = state.graph.upper_rows;
  }
  return reading;
}

WalkView vectors_of(const WalkView& view, const State& state) {
  WalkView vectors = view;
  vectors.rows = state.vectors.view();
  return vectors;
}

std::size_t num_present(const State& state, std::size_t count) {
  const std::size_t gone =
      state.census.dead.load(std::memory_order_relaxed) + state.census.free.load(std::memory_order_relaxed);
  return count - std::min(gone, count);
}

}  // namespace nearfield
