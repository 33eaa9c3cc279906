// What happens to an index between the instant that a filtered query sees and the moment at which ids are looked up for
// it: whatever it is, an answer is of rows that were there, one version of each, and misses none that stayed.
#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "filtering.h"
#include "history.h"
#include "maintain/compact.h"
#include "mortal.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 8;
constexpr std::size_t kRows = 100;
constexpr Plan kPlans[] = {Plan::Auto, Plan::Scan, Plan::Sweep, Plan::Exact, Plan::Walk};

std::vector<float> vector_of(Id id, std::uint64_t version) { return unit_rows(1, kDimensions, 1000 * version + id); }

// An index, which of its rows are live, and of which versions.
struct Versions {
  explicit Versions(Codes codes) : index({Space::Euclidean, Storage::Float32, kDimensions, 6, 30, 1, codes}) {
    put(ids_between(0, kRows));
    for (Id id = 0; id < kRows; id += 9) hide(id);
    remove(kRows / 2, kRows / 2 + 10);
  }
  void put(const std::vector<Id>& ids) {
    std::vector<float> vectors;
    for (const Id id : ids) {
      live[id] = ++newest[id];
      const std::vector<float> vector = vector_of(id, live[id]);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    index.put(ids, vectors);
  }
  void remove(Id first, Id last) {
    for (Id id = first; id < last; ++id) {
      if (index.table.find(id) != kNoSlot) index.remove(id, id + 1);
      live.erase(id);
      left.insert(id);
    }
  }
  void hide(Id id) {
    if (find_live(*index.current.load(), index.table, id) == kNoSlot) return;
    mark(index.state, index.table, id);
    live.erase(id);
    left.insert(id);
  }
  void bring_back(Id id) {
    if (index.table.find(id) == kNoSlot || live.count(id) > 0) return;
    unmark(index.state, index.table, id);
    live[id] = newest[id];
  }
  // As Index::compact; the old state stays.
  void compact() {
    Compacted compacted = nearfield::compact(index.state, index.metric, 1, {});
    fresh = std::move(compacted.state);
    IdTable table(fresh->ids);
    build_id_table(*fresh, table);
    carry_flags(index.state, compacted.slot_of, *fresh, table);
    index.table = std::move(table);
    index.current.store(fresh.get());
  }

  std::map<Id, std::uint64_t> newest, live;
  std::set<Id> left;  // that were hidden or removed, if only for a while
  std::unique_ptr<State> fresh;
  MortalIndex index;
};

struct Event {
  const char* name;
  void (*happen)(Versions&);
};

std::vector<Id> ids_of(const std::map<Id, std::uint64_t>& rows, Id step) {
  std::vector<Id> ids;
  for (const auto& [id, version] : rows) {
    if (id % step == 0) ids.push_back(id);
  }
  return ids;
}

void replace_all(Versions& v) { v.put(ids_of(v.live, 1)); }
void replace_some(Versions& v) { v.put(ids_of(v.live, 3)); }
void replace_all_twice(Versions& v) {
  replace_all(v);
  replace_all(v);
}
void remove_some(Versions& v) { v.remove(10, 30); }
void remove_all_but_few(Versions& v) { v.remove(4, kRows); }
void remove_and_add_again(Versions& v) {
  v.remove(10, 30);
  v.put(ids_between(10, 30));
}
void hide_most(Versions& v) {
  for (Id id = 0; id < kRows; ++id) {
    if (id % 8 != 1) v.hide(id);
  }
}
void bring_back_all(Versions& v) {
  for (Id id = 0; id < kRows; ++id) v.bring_back(id);
}
void add_more(Versions& v) { v.put(ids_between(kRows, kRows + 20)); }
void repair_and_take_slots(Versions& v) {
  v.index.repair();
  v.index.settle();
  v.index.settle();
  v.put(ids_between(kRows, kRows + 20));
}
void compact(Versions& v) { v.compact(); }

constexpr Event kEvents[] = {{"nothing", [](Versions&) {}},
                             {"all are replaced", replace_all},
                             {"some are replaced", replace_some},
                             {"all are replaced twice", replace_all_twice},
                             {"some are removed", remove_some},
                             {"nearly all are removed", remove_all_but_few},
                             {"some are removed and added again", remove_and_add_again},
                             {"most are hidden", hide_most},
                             {"all are brought back", bring_back_all},
                             {"more are added", add_more},
                             {"free slots are taken", repair_and_take_slots},
                             {"all are compacted", compact}};

// Between two instants: what was live at one of them may be found, as it was; what stayed must be, where it is near.
void check_between(const Versions& now, const std::map<Id, std::uint64_t>& before, const std::vector<float>& queries,
                   const Filtered& found, std::size_t k, const Under& under, const std::string& what) {
  for (std::size_t q = 0; q < found.counts.size(); ++q) {
    const std::string which = what + ", query " + std::to_string(q);
    const std::vector<float> query = row_of(queries, kDimensions, q);
    const auto passes = [&](Id id) {
      return !(under.exclude.has(q) && under.exclude.holds(q, id)) && (!under.allow.has(q) || under.allow.holds(q, id));
    };
    const auto distance_of_version = [&](Id id, std::uint64_t version) {
      return distance_as_stored(now.index.current, now.index.metric, now.index.pool, query.data(),
                                vector_of(id, version).data());
    };
    std::set<Id> distinct;
    float furthest = -1;
    for (std::size_t i = 0; i < found.counts[q]; ++i) {
      const Id id = found.ids[q * k + i];
      const float distance = found.distances[q * k + i];
      check(passes(id), which + ": id " + std::to_string(id) + " is left out");
      check(distinct.insert(id).second, which + ": id " + std::to_string(id) + " comes twice");
      check(distance >= furthest, which + ": in order");
      furthest = distance;
      const auto old = before.find(id), late = now.live.find(id);
      check((old != before.end() && distance_of_version(id, old->second) == distance) ||
                (late != now.live.end() && distance_of_version(id, late->second) == distance),
            which + ": id " + std::to_string(id) + " was never there at that distance");
    }
    std::size_t stayed = 0;
    for (const auto& [id, version] : before) {
      if (now.left.count(id) > 0 || !passes(id)) continue;
      ++stayed;  // whichever version: one of them is there
      if (now.live.at(id) != version || found.reports[q].plan != Plan::Exact || distinct.count(id) > 0) continue;
      check(found.counts[q] == k && distance_of_version(id, version) >= furthest,
            which + ": id " + std::to_string(id) + " is missed");
    }
    check(found.counts[q] >= std::min(k, stayed),
          which + ": results " + std::to_string(found.counts[q]) + " of " + std::to_string(stayed));
  }
}

Sets some_sets(Dice& dice, std::size_t queries, std::size_t form) {
  const auto draw = [&dice] {
    std::vector<Id> ids;
    const std::size_t most = dice.below(3) == 0 ? 4 : kRows;
    for (std::size_t n = dice.below(most); n > 0; --n) ids.push_back(dice.below(kRows + 25));
    return ids;
  };
  if (form == 0) return {};
  if (form == 1) return one_set(draw());
  std::vector<std::optional<std::vector<Id>>> sets(queries);
  for (auto& set : sets) {
    if (dice.below(5) > 0) set = draw();
  }
  return set_each(sets);
}

void answers_hold_whatever_happens_before_ids_are_looked_up() {
  constexpr std::size_t kQueries = 5;
  const std::vector<float> queries = unit_rows(kQueries, kDimensions, 5);
  std::size_t happened = 0;
  for (const Codes codes : {Codes::None, Codes::Int8}) {
    for (const Event& event : kEvents) {
      Dice dice(7);
      for (std::size_t form = 1; form < 9; ++form) {
        for (int turn = 0; turn < 4; ++turn) {
          Versions versions(codes);
          versions.left.clear();
          const std::map<Id, std::uint64_t> before = versions.live;
          const std::size_t when = 1 + dice.below(3), k = 1 + dice.below(dice.below(4) == 0 ? kRows : 12);
          std::size_t calls = 0;
          Under under{some_sets(dice, kQueries, form % 3), some_sets(dice, kQueries, form / 3),
                      kPlans[dice.below(std::size(kPlans))], dice.below(2) == 0};
          under.meanwhile = [&] {
            if (++calls != when) return;
            event.happen(versions);
            ++happened;
          };
          const Filtered found = ask(versions.index, queries, {k, 20, 1, {}}, under);
          check_between(versions, before, queries, found, k, under,
                        std::string(event.name) + " at look-up " + std::to_string(when) + ", form " +
                            std::to_string(form) + ", plan " + std::to_string(static_cast<int>(under.plan)) +
                            (under.counts ? ", counted" : ""));
        }
      }
    }
  }
  check(happened > 250, "events " + std::to_string(happened));
}

// Where an answer is explained, what may be returned is counted: that is what is told, not what is done.
void to_count_what_is_allowed_changes_no_answer() {
  constexpr std::size_t kMany = 3000, kQueries = 8;
  MortalIndex index({Space::Euclidean, Storage::Float32, kDimensions, 6, 30, 1, Codes::Int8});
  index.put(ids_between(0, kMany), unit_rows(kMany, kDimensions, 3));
  for (Id id = 0; id < kMany; id += 5) mark(index.state, index.table, id);
  const std::vector<float> queries = unit_rows(kQueries, kDimensions, 4);
  const Truth truth(index, kDimensions, queries, kMany);
  Dice dice(2);
  for (std::size_t form = 0; form < 9; ++form) {
    for (const Plan plan : kPlans) {
      for (const Id end : {Id{kMany / 20}, Id{kMany}, Id{40 * kMany}}) {  // the last: most of them unknown
        const auto draw = [&](std::size_t n) {
          std::vector<Id> ids(dice.below(n));
          for (Id& id : ids) id = dice.below(end);
          return ids;
        };
        Under under;
        const auto sets = [&](std::size_t which) {
          if (which == 0) return Sets{};
          if (which == 1) return one_set(draw(kMany));
          std::vector<std::optional<std::vector<Id>>> each(kQueries);
          for (auto& set : each) set = draw(kMany);
          return set_each(each);
        };
        under.exclude = sets(form % 3);
        under.allow = sets(form / 3);
        under.plan = plan;
        const QueryOptions options{5, 20, 1, {}};
        const Filtered plain = ask(index, queries, options, under);
        under.counts = true;
        const Filtered counted = ask(index, queries, options, under);
        const std::string what = "form " + std::to_string(form) + ", plan " + std::to_string(static_cast<int>(plan)) +
                                 ", ids below " + std::to_string(end);
        check(plain.ids == counted.ids && plain.distances == counted.distances, what + ": other answers");
        for (std::size_t q = 0; q < kQueries; ++q) {
          const QueryReport &a = plain.reports[q], &b = counted.reports[q];
          check(a.plan == b.plan && a.distances == b.distances && a.hops == b.hops && a.fell_back == b.fell_back,
                what + ": another way, plans " + std::to_string(static_cast<int>(a.plan)) + " and " +
                    std::to_string(static_cast<int>(b.plan)) + ", distances " + std::to_string(a.distances) + " and " +
                    std::to_string(b.distances));
          check(b.counted, what + ": not counted");
          check_equal(b.allowed, truth.passing(q, under).size(), what + ": allowed");
        }
      }
    }
  }
}

// One row may be returned, and one is denied that comes back before it is counted.
void a_count_of_a_later_instant_decides_nothing() {
  MortalIndex index({Space::Euclidean, Storage::Float32, kDimensions, 6, 30, 1, Codes::None});
  index.put(ids_between(0, 3), unit_rows(3, kDimensions, 3));
  mark(index.state, index.table, 1);
  mark(index.state, index.table, 2);
  for (const Plan plan : kPlans) {
    Under under{set_each({std::vector<Id>{1}}), {}, plan, true};
    under.meanwhile = [&] {
      if (find_live(index.state, index.table, 1) == kNoSlot) unmark(index.state, index.table, 1);
    };
    const Filtered found = ask(index, unit_rows(1, kDimensions, 9), {2, 10, 1, {}}, under);
    check(found.counts[0] == 1 && found.ids[0] == 0,
          "the row that may be returned, plan " + std::to_string(static_cast<int>(plan)));
    mark(index.state, index.table, 1);
  }
}

const Group group{"filters",
                  {{"to count what is allowed changes no answer", to_count_what_is_allowed_changes_no_answer},
                   {"a count of a later instant decides nothing", a_count_of_a_later_instant_decides_nothing},
                   {"answers hold whatever happens before ids are looked up",
                    answers_hold_whatever_happens_before_ids_are_looked_up}}};

}  // namespace
}  // namespace nearfield::test
