// Links and levels, and what validate() finds; the links that a save keeps.
#include <atomic>
#include <thread>
#include <vector>

#include "check.h"
#include "graph/graph.h"
#include "graph/reach.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kM = 4;

void set_row(Graph& graph, Slot slot, int level, std::initializer_list<Slot> links) {
  std::uint32_t* row = graph.row(slot, level);
  std::size_t i = 0;
  for (const Slot link : links) row[i++] = link;
  for (; i < graph.places(level); ++i) row[i] = kNoSlot;
}

// Six slots in a ring on level 0; slots 2 and 4 also stand on level 1.
void make_ring(Graph& graph) {
  graph.grow(6);
  for (Slot slot = 0; slot < 6; ++slot) graph.set_level(slot, slot == 2 || slot == 4 ? 1 : 0);
  for (Slot slot = 0; slot < 6; ++slot) set_row(graph, slot, 0, {(slot + 1) % 6, (slot + 5) % 6});
  set_row(graph, 2, 1, {4});
  set_row(graph, 4, 1, {2});
  graph.set_entry({2, 1});
}

void check_fault(void (*spoil)(Graph&), const std::string& part, const Where& where = Where::current()) {
  Graph graph(kM);
  make_ring(graph);
  check(validate(graph, 6).empty(), "the ring is sound: " + validate(graph, 6), where);
  spoil(graph);
  const std::string fault = validate(graph, 6);
  check(fault.find(part) != std::string::npos, "fault '" + fault + "', expected '" + part + "'", where);
}

void an_empty_graph_is_valid() {
  const Graph graph(kM);
  check_equal(graph.entry().slot, kNoSlot, "entry slot of an empty graph");
  check_equal(graph.entry().level, -1, "entry level of an empty graph");
  check(validate(graph, 0).empty(), "an empty graph is valid");
}

void levels_give_rows() {
  Graph graph(kM);
  graph.grow(100);
  check_equal(graph.places(0), 2u * kM, "places on level 0");
  check_equal(graph.places(1), kM, "places above");
  for (Slot slot = 0; slot < 100; ++slot) {
    graph.set_level(slot, slot % 3 == 0 ? 2 : 0);
    check_equal(graph.level_of(slot), slot % 3 == 0 ? 2 : 0, "level");
    set_row(graph, slot, 0, {slot});
    if (slot % 3 == 0) {
      set_row(graph, slot, 1, {slot, slot});
      set_row(graph, slot, 2, {slot, slot, slot});
    }
  }
  check_equal(graph.upper_rows.load(), 68u, "upper rows of 34 slots on level 2");
  for (Slot slot = 0; slot < 100; ++slot) {
    for (int level = 0; level <= graph.level_of(slot); ++level) {
      check_equal(graph.row(slot, level)[0], slot, "a row is one slot's own");
      check_equal(degree(graph.row(slot, level), graph.places(level)), static_cast<std::size_t>(level) + 1, "degree");
    }
  }
}

void the_entry_point_comes_back() {
  Graph graph(kM);
  graph.set_entry({123456, 7});
  check_equal(graph.entry().slot, 123456u, "entry slot");
  check_equal(graph.entry().level, 7, "entry level");
}

void validate_names_the_fault() {
  check_fault([](Graph& g) { g.row(1, 0)[0] = 6; }, "there are only 6");
  check_fault([](Graph& g) { g.row(1, 0)[0] = 1; }, "links to itself");
  check_fault([](Graph& g) { g.row(1, 0)[1] = g.row(1, 0)[0]; }, "twice");
  check_fault([](Graph& g) { g.row(1, 0)[4] = 3; }, "behind its end");
  check_fault([](Graph& g) { g.row(2, 1)[0] = 1; }, "not on that level");
  check_fault([](Graph& g) { g.set_entry({6, 1}); }, "entry point is slot 6 of 6");
  check_fault([](Graph& g) { g.set_entry({1, 1}); }, "does not have the top level");
  check_fault([](Graph& g) { g.set_entry({1, 0}); }, "above the entry point's level");
  check_fault([](Graph& g) { *g.upper_of.at<Slot>(4) = *g.upper_of.at<Slot>(2); }, "and to another");
  check_fault([](Graph& g) { *g.upper_of.at<Slot>(4) = 5; }, "lie outside");
  check_fault([](Graph& g) { *g.upper_of.at<Slot>(1) = 0; }, "has upper rows but no level");
}

void reach_follows_links_one_way() {
  Graph graph(kM);
  make_ring(graph);
  set_row(graph, 1, 0, {2});
  set_row(graph, 5, 0, {4});
  set_row(graph, 0, 0, {1});
  const Reach all = reach_of(graph, 6);
  check(all.has(1) && all.has(5), "neighbours of the chain are reached");
  check(!all.has(0), "a slot that nobody links to is not reached");
  Reach more = reach_of(graph, 6);
  more.add(0);
  check(more.has(0), "an added slot is reached");
}

// What a save has passed is waited for no longer, be it written or not.
void kept_links_make_room_as_the_save_goes_on() {
  const std::vector<std::uint32_t> row(kM, 3);
  std::vector<std::uint32_t> out(kM);
  KeptLinks kept;
  kept.begin(10, kM, 1);
  kept.before_change(2, row.data());  // all that there is room for
  std::atomic<bool> changed{false};
  std::thread writer([&] {
    kept.before_change(1, row.data());
    changed = true;
  });
  kept.take(0, row.data(), out.data());
  check(!changed, "a row that the save has not written waits for room");
  kept.take(1, row.data(), out.data());
  writer.join();
  kept.pass(2);  // of a slot that was free when the save began
  kept.before_change(5, row.data());
  kept.before_change(1, row.data());
  check_equal(kept.count_saved(), std::size_t{10}, "slots");
  kept.end();
  check_equal(kept.count_saved(), std::size_t{0}, "slots without a save");
}

const Group group{"graph",
                  {{"an empty graph is valid", an_empty_graph_is_valid},
                   {"levels give rows", levels_give_rows},
                   {"the entry point comes back", the_entry_point_comes_back},
                   {"validate names the fault", validate_names_the_fault},
                   {"reach follows links one way", reach_follows_links_one_way},
                   {"kept links make room as the save goes on", kept_links_make_room_as_the_save_goes_on}}};

}  // namespace
}  // namespace nearfield::test
