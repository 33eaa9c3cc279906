#include "build/adopt.h"

#include <algorithm>
#include <utility>

namespace nearfield {
namespace {

constexpr int kMostTurns = 4;  // one that is hung on may push another off

std::uint32_t links_to(const Graph& graph, Slot slot) {
  return __atomic_load_n(graph.links_to.at<std::uint32_t>(slot), __ATOMIC_RELAXED);
}

bool is_dead(const State& state, Slot slot) { return (flags_of(state, slot) & (kDead | kFree)) != 0; }

// Those of level 0 that count.
template <class Visit>
void for_each_link(const State& state, const Visit& visit) {
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  const std::size_t places = state.graph.places(0);
  for (std::size_t slot = 0; slot < count; ++slot) {
    const std::uint8_t flags = flags_of(state, static_cast<Slot>(slot));
    const bool has_left = (flags & kLeaving) != 0 && slot < state.repair.next;
    if (has_left || (flags & (kUnlinked | kFree)) != 0) continue;
    const Slot* row = state.graph.row(static_cast<Slot>(slot), 0);
    for (std::size_t i = 0; i < places && row[i] != kNoSlot; ++i) visit(row[i]);
  }
}

void set_link(Graph& graph, std::uint32_t* row, std::size_t place, Slot target) {
  __atomic_store_n(row + place, target, __ATOMIC_RELEASE);
  graph.count_link(target);
}

// Which of some links can best be spared: were it always the furthest, rows to which one link leads would push each
// other off in turn, and no end.
std::size_t most_linked(const Graph& graph, std::span<const Slot> links) {
  const auto fewer = [&graph](Slot a, Slot b) { return links_to(graph, a) < links_to(graph, b); };
  return static_cast<std::size_t>(std::max_element(links.begin(), links.end(), fewer) - links.begin());
}

// The one to which the fewest links lead, but no fewer than lead to most rows; where all have fewer, that with the
// most.
Slot calm_host(const Graph& graph, std::span<const Slot> hosts) {
  const std::uint32_t least = graph.M;
  const auto is_calmer = [&](Slot a, Slot b) {
    const std::uint32_t to_a = links_to(graph, a), to_b = links_to(graph, b);
    return to_a >= least && to_b >= least ? to_a < to_b : to_a > to_b;
  };
  return *std::min_element(hosts.begin(), hosts.end(), is_calmer);
}

}  // namespace

void count_links(State& state) {
  state.graph.links_to.grow(state.count.load(std::memory_order_relaxed));  // an index that was read has none yet
  for (std::size_t slot = 0; slot < state.graph.links_to.capacity(); ++slot) {
    *state.graph.links_to.at<std::uint32_t>(slot) = 0;
  }
  for_each_link(state, [&state](Slot target) { state.graph.count_link(target); });
}

std::string check_counted_links(const State& state) {
  std::vector<std::uint32_t> counted(state.count.load(std::memory_order_relaxed), 0);
  for_each_link(state, [&counted](Slot target) { ++counted[target]; });
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const auto slot = static_cast<Slot>(i);
    if (is_dead(state, slot) || counted[i] == links_to(state.graph, slot)) continue;
    return std::to_string(counted[i]) + " links lead to slot " + std::to_string(i) + ", but " +
           std::to_string(links_to(state.graph, slot)) + " are counted";
  }
  return {};
}

void hang_on(State& state, Slot slot, std::span<const Slot> hosts, std::vector<Slot>& few) {
  Graph& graph = state.graph;
  const std::size_t places = graph.places(0);
  few.reserve(few.size() + 2);  // before the first change: counts stay right when memory ends
  for (const Slot host : hosts) {
    const std::size_t links = degree(graph.row(host, 0), places);
    if (links < places) return set_link(graph, graph.row_to_change(host, 0), links, slot);
  }
  if (hosts.empty()) return;
  const Slot host = calm_host(graph, hosts);
  std::uint32_t* row = graph.row_to_change(host, 0);
  const Slot moved = row[places - 1];
  std::uint32_t* own = graph.row_to_change(slot, 0);
  const std::size_t links = degree(own, places);
  if (!is_dead(state, moved) && moved != slot && std::find(own, own + links, moved) == own + links) {
    const std::size_t place = links == places ? most_linked(graph, {own, links}) : links;
    if (links == places && graph.discount_link(own[place])) few.push_back(own[place]);
    set_link(graph, own, place, moved);
  }
  if (graph.discount_link(moved)) few.push_back(moved);
  set_link(graph, row, places - 1, slot);
}

void adopt(State& state, std::vector<Slot> few) {
  Graph& graph = state.graph;
  const std::size_t places = graph.places(0);
  // Of inner products most rows are nobody's nearest: a second link would take its place from those that lead
  // somewhere.
  const std::uint32_t least = state.config.space == Space::InnerProduct ? 1 : kFewLinks;
  std::vector<Slot> next, hosts;
  for (int turn = 0; turn < kMostTurns && !few.empty(); ++turn) {
    std::sort(few.begin(), few.end());
    few.erase(std::unique(few.begin(), few.end()), few.end());
    next.clear();
    for (const Slot slot : few) {
      if (links_to(graph, slot) >= least || is_dead(state, slot)) continue;
      const Slot* own = graph.row(slot, 0);
      hosts.assign(own, own + degree(own, places));
      std::erase_if(hosts, [&](Slot host) {
        const Slot* row = graph.row(host, 0);
        return is_dead(state, host) || std::find(row, row + places, slot) != row + places;
      });
      hang_on(state, slot, hosts, next);
    }
    few.swap(next);
  }
}

}  // namespace nearfield
