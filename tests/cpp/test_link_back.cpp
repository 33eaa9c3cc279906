// What a full row makes of one more link, on a map small enough to choose by hand.
//
// A row of four places belongs to the origin. Its links are mostly a, b and c, which prune() keeps, and s or t, which a
// prunes and which fills the place that is left. Distances are squared.
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "build/link_back.h"
#include "check.h"
#include "fixtures.h"
#include "simd/keys.h"
#include "state.h"
#include "walk/beam.h"
#include "walk/query.h"
#include "walk/scratch.h"

namespace nearfield::test {
namespace {

struct Point {
  char name;
  float x, y;
};

constexpr Point kPoints[] = {
    {'a', 10, 0},    // at 100
    {'b', 3, 20},    // at 409, and at 449 from a
    {'c', -30, 0},   // at 900
    {'s', 11, -2},   // at 125, and at 5 from a
    {'t', 20, 3},    // at 409 as b, and at 109 from a
    {'g', 0, -200},  // far from all
    {'u', 106, 21},  // at 11677; 10610 from b, and from z just too much to be pruned
    // What is offered.
    {'d', 0, -30},  // at 900 as c, and far from it
    {'e', 8, 9},    // near a, and nearer to b than b is to the origin
    {'p', 9, -31},  // at 1042; 845 from s, 962 from a
    {'q', 3, 20},   // the same as b
    {'v', 6, -14},  // at 232; 212 from a, which is nearer, but not clearly
    {'w', 11, -1},  // at 122, and at 2 from a
    {'x', 0, -15},  // far from all
    {'y', 3, 21},   // at 450, and at 1 from b
    {'z', 3, 18},   // at 333, and at 4 from b
};
constexpr std::size_t kNumPoints = std::size(kPoints);
constexpr std::size_t kTargets = 24;  // rows at the origin, in the slots behind those of the points

const IndexConfig kConfig{Space::Euclidean, Storage::Float32, 2, 2, 10, 1, Codes::None};

struct Map {
  Map() : state(kConfig), metric(kConfig, active_level()) {
    state.grow(kNumPoints + kTargets);
    std::vector<float> unit(metric.padded);
    for (std::size_t slot = 0; slot < kNumPoints + kTargets; ++slot) {
      const Point at = slot < kNumPoints ? kPoints[slot] : Point{};
      const float vector[] = {at.x, at.y};
      metric.encode(vector, unit.data(), state.vector_row(slot));
      state.graph.set_level(static_cast<Slot>(slot), 0);
    }
    state.count = kNumPoints + kTargets;
  }

  static Slot slot_of(char name) {
    Slot slot = 0;
    while (kPoints[slot].name != name) ++slot;
    return slot;
  }

  LinkBack offer_to(Slot target, char name) {
    const auto& [point, x, y] = kPoints[slot_of(name)];
    return {target, 0, make_entry(key_of(x * x + y * y), slot_of(name))};
  }

  // The links of a target that had `links` and was offered others in one round.
  std::string after(const std::string& links, const std::string& offered, Slot target, std::uint8_t gone = 0) {
    std::vector<Slot> slots;
    for (const char name : links) slots.push_back(slot_of(name));
    std::uint32_t* row = state.graph.row(target, 0);
    store_row(row, state.graph.places(0), slots.data(), slots.size());
    std::vector<LinkBack> all;
    for (const char name : offered) all.push_back(offer_to(target, name));
    link_back(state, metric, pool, read_state(state, metric), gone, all, 1);
    std::string found;
    for (std::size_t i = 0; i < state.graph.places(0) && row[i] != kNoSlot; ++i) found += kPoints[row[i]].name;
    return found;
  }

  void check_after(const std::string& links, const std::string& offered, const std::string& expected,
                   const std::string& why, const Where& where = Where::current()) {
    const std::string found = after(links, offered, kNumPoints);
    check(found == expected, links + " offered " + offered + ": '" + found + "', not '" + expected + "': " + why,
          where);
  }

  State state;
  Metric metric;
  ScratchPool pool;
};

void a_full_row_takes_one_more_link() {
  for_each_level([](const std::string&) {
    Map map;
    map.check_after("abcs", "x", "axbc", "kept in its place, and what is pruned makes room");
    map.check_after("abcs", "y", "abcs", "pruned by b, and further than what is pruned already");
    map.check_after("abcs", "w", "abcw", "pruned by a, and nearer than what is pruned already");
    map.check_after("abcs", "z", "azcs", "kept, and b pruned by it");
    map.check_after("abcs", "e", "abcs", "pruned itself, so b is not pruned by it");
    map.check_after("bcgu", "z", "zcgb", "u stays pruned, though only b prunes it, which z prunes now");
    map.check_after("abcs", "v", "avbc", "a is nearer to it than the origin, but not by a tenth");
  });
}

void a_full_row_takes_one_link_after_the_other() {
  Map map;
  map.check_after("abcs", "zp", "azcp", "what was pruned prunes nothing");
  map.check_after("abcs", "zw", "azcw", "in the order of their distances, w first");
  map.check_after("abcs", "xv", "axbc", "v is nearer to x than to the origin");
}

void links_that_were_appended_are_chosen_anew() {
  Map map;
  map.check_after("ab", "zx", "abxz", "appended, where there is room");
  map.check_after("bacs", "x", "axbc", "in no order, so all are weighed");
  map.state.flags.at<std::uint8_t>(Map::slot_of('b'))[0] = kDead;
  const std::string found = map.after("abcs", "y", kNumPoints, kDead);
  check(found == "aycs", "links that are gone make room: " + found);
}

// Of two as far from the row, the one whose turn comes first in the order of that row.
char first_of(char one, char other, Slot row) {
  std::uint64_t entries[] = {make_entry(1, Map::slot_of(one)), make_entry(1, Map::slot_of(other))};
  shuffle_ties(entries, 2, row);
  return kPoints[entry_slot(entries[0])].name;
}

void links_as_far_as_each_other_have_another_order_in_each_row() {
  Map map;
  std::size_t swapped = 0;
  for (Slot row = kNumPoints; row < kNumPoints + kTargets; ++row) {
    const auto check_row = [row](const std::string& found, const std::string& expected) {
      check(found == expected, "row " + std::to_string(row) + ": '" + found + "', not '" + expected + "'");
    };
    // Of copies one is kept, whichever came first; the other one would fill.
    const char copy = first_of('b', 'q', row);
    check_row(map.after("abcs", "q", row), std::string("a") + copy + "cs");
    // Two that are far from each other are both kept.
    const char far = first_of('c', 'd', row);
    check_row(map.after("abcs", "d", row), std::string("ab") + far + (far == 'c' ? 'd' : 'c'));
    // Of what is pruned, one fills.
    check_row(map.after("abct", "z", row), std::string("azc") + first_of('b', 't', row));
    swapped += copy == 'q';
  }
  check(swapped > kTargets / 4 && swapped < kTargets * 3 / 4, "rows that took the copy: " + std::to_string(swapped));
}

const Group group{"link back",
                  {{"a full row takes one more link", a_full_row_takes_one_more_link},
                   {"a full row takes one link after the other", a_full_row_takes_one_link_after_the_other},
                   {"links that were appended are chosen anew", links_that_were_appended_are_chosen_anew},
                   {"links as far as each other have another order in each row",
                    links_as_far_as_each_other_have_another_order_in_each_row}}};

}  // namespace
}  // namespace nearfield::test
