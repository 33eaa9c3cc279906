#include "maintain/compact.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "build/adopt.h"
#include "build/recode.h"
#include "graph/reach.h"
#include "threads.h"
#include "walk/held.h"

namespace nearfield {
namespace {

constexpr std::size_t kSlotsPerStep = 1024;  // of a parallel loop

bool is_left(const State& state, Slot slot) { return (flags_of(state, slot) & (kDead | kFree)) == 0; }

// The rows that are left, breadth first over level 0; those that no link reaches behind them.
std::vector<Slot> order_of(const State& state) {
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  const std::size_t places = state.graph.places(0);
  std::vector<Slot> order;
  std::vector<bool> met(count, false);
  const auto meet = [&](Slot slot) {
    if (slot >= count || met[slot] || !is_left(state, slot)) return;
    met[slot] = true;
    order.push_back(slot);
  };
  std::size_t next = 0;
  const auto follow = [&] {
    for (; next < order.size(); ++next) {
      const Slot* row = state.graph.row(order[next], 0);
      for (std::size_t i = 0; i < places && row[i] != kNoSlot; ++i) meet(row[i]);
    }
  };
  meet(state.graph.entry().slot);
  follow();
  for (std::size_t slot = 0; slot < count; ++slot) {
    meet(static_cast<Slot>(slot));
    follow();
  }
  return order;
}

struct Copy {
  const State& old;
  State& state;  // the new one
  const Metric& metric;
  const std::vector<Slot>& order;    // old slots by new ones
  const std::vector<Slot>& slot_of;  // new ones by old
  std::size_t num_threads;
};

template <class Body>
void for_rows(const Copy& copy, const Body& body) {
  const std::size_t rows = copy.order.size();
  parallel_for((rows + kSlotsPerStep - 1) / kSlotsPerStep, copy.num_threads, [&](std::size_t, std::size_t step) {
    const std::size_t end = std::min(rows, (step + 1) * kSlotsPerStep);
    for (std::size_t slot = step * kSlotsPerStep; slot < end; ++slot) {
      body(static_cast<Slot>(slot), copy.order[slot]);
    }
  });
}

void copy_plane(const Copy& copy, const Plane& from, Plane& to) {
  to.grow(copy.order.size());
  for_rows(copy, [&](Slot slot, Slot old) { std::memcpy(to.row(slot), from.row(old), to.row_bytes()); });
}

void copy_links(const Copy& copy, Slot old, int level, Slot* to) {
  const std::size_t places = copy.state.graph.places(level);
  const Slot* from = copy.old.graph.row(old, level);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < places && from[i] != kNoSlot; ++i) {
    const Slot target = copy.slot_of[from[i]];
    if (target != kNoSlot) to[kept++] = target;
  }
  std::fill(to + kept, to + places, kNoSlot);
}

void copy_graph(const Copy& copy) {
  Graph& graph = copy.state.graph;
  graph.grow(copy.order.size());
  Entry entry;
  for (std::size_t i = 0; i < copy.order.size(); ++i) {
    const auto slot = static_cast<Slot>(i);
    const int level = copy.old.graph.level_of(copy.order[i]);
    graph.set_level(slot, level);
    if (level > entry.level) entry = {slot, level};
  }
  for_rows(copy, [&](Slot slot, Slot old) {
    for (int level = 0; level <= graph.level_of(slot); ++level) copy_links(copy, old, level, graph.row(slot, level));
  });
  const Entry before = copy.old.graph.entry();  // of several of the highest level the one that walks begin at now
  const bool stays = before.slot != kNoSlot && copy.slot_of[before.slot] != kNoSlot;
  graph.set_entry(stays ? Entry{copy.slot_of[before.slot], before.level} : entry);
}

// How many of the rows that are left were added before each; nothing is kept where that is the slot.
void copy_numbers(const Copy& copy) {
  std::vector<Slot> by_age(copy.order.size());
  std::iota(by_age.begin(), by_age.end(), Slot{0});
  std::sort(by_age.begin(), by_age.end(),
            [&copy](Slot a, Slot b) { return copy.old.number_of(copy.order[a]) < copy.old.number_of(copy.order[b]); });
  if (std::is_sorted(by_age.begin(), by_age.end())) return;
  copy.state.numbers.grow(by_age.size());
  for (std::size_t i = 0; i < by_age.size(); ++i) *copy.state.numbers.at<std::uint64_t>(by_age[i]) = i;
}

// The vectors of the last rows are other ones when rows before them have gone; of those that were let go, what their
// codes stand for.
void copy_vectors(const Copy& copy) {
  const std::size_t rows = copy.order.size();
  if (copy.metric.storage != Storage::CodesOnly) return copy_plane(copy, copy.old.vectors, copy.state.vectors);
  copy.state.vectors.grow(keeps_all_vectors(Storage::CodesOnly, rows) ? rows : kRecentRows);
  for_rows(copy, [&copy](Slot slot, Slot old) {
    if (!copy.state.keeps_vector(slot)) return;
    std::byte* row = copy.state.vector_row(slot);
    if (copy.old.keeps_vector(old)) {
      std::memcpy(row, copy.old.vector_row(old), copy.state.vectors.row_bytes());
    } else {
      held_vector(copy.old, copy.metric, copy.old.code_plane.get(), old, reinterpret_cast<float*>(row));
    }
  });
}

void copy_codes(const Copy& copy) {
  const CodePlane* old = copy.old.code_plane.get();
  if (old == nullptr || copy.order.empty()) return;
  auto plane = std::make_unique<CodePlane>(old->grid, old->sketch);
  copy_plane(copy, old->rows, plane->rows);
  if (old->sketch) copy_plane(copy, old->sketches, plane->sketches);
  const std::uint64_t rows = copy.order.size();
  const std::uint64_t since = copy.old.published.load() - old->num_fitted;
  plane->num_fitted = rows - std::min(rows, since);
  plane->num_outside = old->num_outside.load();
  copy.state.code_plane = std::move(plane);
  copy.state.codes = copy.state.code_plane.get();
  recount_outside(copy.state, copy.metric, copy.num_threads);
}

}  // namespace

Compacted compact(const State& old, const Metric& metric, std::size_t num_threads, const Poll& poll) {
  const std::vector<Slot> order = order_of(old);
  Compacted compacted{std::make_unique<State>(old.config), {}};
  compacted.slot_of.assign(old.count.load(std::memory_order_relaxed), kNoSlot);
  for (std::size_t i = 0; i < order.size(); ++i) compacted.slot_of[order[i]] = static_cast<Slot>(i);
  State& state = *compacted.state;
  const Copy copy{old, state, metric, order, compacted.slot_of, num_threads};
  constexpr std::size_t kParts = 5;  // which take about as long as each other
  std::size_t done = 0;
  const auto report = [&] {
    if (poll) poll(++done * order.size() / kParts, order.size());
  };
  state.count = order.size();  // nobody reads it yet
  state.published = order.size();
  copy_numbers(copy);
  copy_graph(copy);
  report();
  copy_vectors(copy);
  report();
  state.flags.grow(order.size());
  copy_plane(copy, old.ids, state.ids);
  report();
  copy_codes(copy);
  report();
  count_links(state);
  state.next_id = old.next_id;
  state.attachments = old.attachments;
  report();
  return compacted;
}

}  // namespace nearfield
