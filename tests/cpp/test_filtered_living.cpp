// Filtered queries of an index that lives (living.h): beside adds, removals, marks, saves, repairs and compactions
// every result passes its filter and was there, and none is missing of those that stayed.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "filtering.h"
#include "living.h"

namespace nearfield::test {
namespace {

// Anchors, rows of owners and unknown ids: a handful, half of them, or nearly all.
std::vector<Id> draw_ids(const World& world, Dice& dice) {
  std::vector<Id> ids;
  const std::size_t of_hundred = dice.below(3) == 0 ? 2 : dice.below(2) == 0 ? 50 : 97;
  for (const Id id : world.anchors) {
    if (dice.below(100) < of_hundred) ids.push_back(id);
  }
  for (const auto& owner : world.owners) {
    for (const Id id : owner->ids) {
      if (dice.below(100) < of_hundred) ids.push_back(id);
    }
  }
  if (dice.below(4) == 0) ids.push_back(dice.next());
  if (!ids.empty() && dice.below(4) == 0) ids.push_back(ids[dice.below(ids.size())]);
  return ids;
}

Sets draw_sets(const World& world, Dice& dice, std::size_t queries, std::size_t form) {
  if (form == 0) return {};
  if (form == 1) return one_set(draw_ids(world, dice));
  std::vector<std::optional<std::vector<Id>>> sets(queries);
  for (auto& set : sets) {
    if (dice.below(6) > 0) set = draw_ids(world, dice);
  }
  return set_each(sets);
}

void query_under_a_filter(World& world, Dice& dice) {
  constexpr Plan kPlans[] = {Plan::Auto, Plan::Auto, Plan::Scan, Plan::Sweep, Plan::Exact};
  const std::size_t rows = 1 + dice.below(7), form = 1 + dice.below(8);
  std::vector<float> queries;
  for (std::size_t q = 0; q < rows; ++q) {
    const Owner& other = *world.owners[dice.below(world.owners.size())];
    const std::vector<float> query = vector_of(other.ids[dice.below(other.ids.size())], 1);
    queries.insert(queries.end(), query.begin(), query.end());
  }
  const Under under{draw_sets(world, dice, rows, form % 3), draw_sets(world, dice, rows, form / 3),
                    kPlans[dice.below(std::size(kPlans))], dice.below(3) == 0};
  const QueryOptions options{1 + dice.below(20), 20 + dice.below(40), 1 + dice.below(2), {}};
  const std::uint64_t called = world.clock.now();
  const Filtered found = ask(world.index, queries, options, under);
  const std::uint64_t returned = world.clock.now();
  for (std::size_t q = 0; q < rows; ++q) {
    const Sets exclude = set_of(under.exclude, q), allow = set_of(under.allow, q);
    const std::set<Id> denied(exclude.ids.begin(), exclude.ids.end()), allowed(allow.ids.begin(), allow.ids.end());
    const auto passes = [&](Id id) { return denied.count(id) == 0 && (!allow.given || allowed.count(id) > 0); };
    const auto at = static_cast<std::ptrdiff_t>(q * options.k), end = at + static_cast<std::ptrdiff_t>(options.k);
    const Answers one{{found.ids.begin() + at, found.ids.begin() + end},
                      {found.distances.begin() + at, found.distances.begin() + end},
                      {found.counts[q]},
                      {}};
    const std::vector<float> query(queries.begin() + static_cast<std::ptrdiff_t>(q * kDimensions),
                                   queries.begin() + static_cast<std::ptrdiff_t>((q + 1) * kDimensions));
    for (std::size_t i = 0; i < one.counts[0]; ++i) {
      check(passes(one.ids[i]), "id " + std::to_string(one.ids[i]) + " is left out, plan " +
                                    std::to_string(static_cast<int>(found.reports[q].plan)));
    }
    check_results(world, query, one, called, returned);
    const auto stay = static_cast<std::size_t>(std::count_if(world.anchors.begin(), world.anchors.end(), passes));
    check(one.counts[0] >= std::min(options.k, stay), "results " + std::to_string(one.counts[0]) + " where " +
                                                          std::to_string(stay) + " that pass are always there");
    if (found.reports[q].plan == Plan::Exact && dice.below(3) == 0) {
      check_nothing_missed(world, query, one, called, returned, passes);
    }
  }
}

void whatever_passes_was_there() {
  for (const Codes codes : {Codes::None, Codes::Int8}) {
    World world({Space::Euclidean, Storage::Float32, kDimensions, 8, 40, 1, codes}, 6, 120);
    live(world, 120, seconds() / 4, [&](Owner& owner, Dice& dice) {
      dice.below(2) == 0 ? query_under_a_filter(world, dice) : do_one_thing(world, owner, dice);
    });
    check_in_the_end(world);
  }
}

// One set for all holds on to the state of its instant, which compactions replace again and again.
void compactions_replace_what_a_batch_reads() {
  World world({Space::Euclidean, Storage::Float32, kDimensions, 8, 40, 1, Codes::Int8}, 3, 60);
  std::atomic<bool> living{true};
  std::thread compacting([&] {
    guard([&] {
      while (living) world.index.compact(1, {});
    });
  });
  live(world, 200, seconds() / 8, [&](Owner& owner, Dice& dice) {
    const std::size_t roll = dice.below(10);
    if (roll < 6) return query_under_a_filter(world, dice);
    roll < 8 ? add_some(world, owner, dice) : remove_some(world, owner, dice);
  });
  living = false;
  compacting.join();
  check_in_the_end(world);
}

const Group group{"filters",
                  {{"whatever passes was there", whatever_passes_was_there},
                   {"compactions replace what a batch reads", compactions_replace_what_a_batch_reads}}};

}  // namespace
}  // namespace nearfield::test
