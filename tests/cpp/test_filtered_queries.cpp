// Filtered queries by every plan: never what is left out, as many as there are, at exact distances, in order; whatever
// the graph, the threads, the company in a batch and the kind of set.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "allocations.h"
#include "check.h"
#include "filtering.h"
#include "history.h"
#include "mortal.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 20;
constexpr Plan kPlans[] = {Plan::Auto, Plan::Scan, Plan::Sweep, Plan::Exact, Plan::Walk};

struct Pair {
  Space space;
  Storage storage;
  Codes codes;
};
constexpr Pair kPairs[] = {
    {Space::Euclidean, Storage::Float32, Codes::None},    {Space::Euclidean, Storage::Float32, Codes::Int8},
    {Space::Euclidean, Storage::Float32, Codes::Int4},    {Space::Euclidean, Storage::Float8, Codes::None},
    {Space::InnerProduct, Storage::E4M3, Codes::None},    {Space::InnerProduct, Storage::Float32, Codes::Int8},
    {Space::InnerProduct, Storage::Float16, Codes::None}, {Space::Cosine, Storage::Float32, Codes::None},
    {Space::Cosine, Storage::Float8, Codes::Int8},        {Space::Cosine, Storage::Float32, Codes::Int4},
    {Space::Euclidean, Storage::CodesOnly, Codes::Int8},  {Space::Cosine, Storage::CodesOnly, Codes::Int4},
};

IndexConfig config_of(const Pair& pair, std::uint32_t M = 6) {
  return {pair.space, pair.storage, kDimensions, M, 30, 1, pair.codes};
}

std::string name_of(const Pair& pair) {
  return "space " + std::to_string(static_cast<int>(pair.space)) + ", storage " +
         std::to_string(static_cast<int>(pair.storage)) + ", codes " + std::to_string(static_cast<int>(pair.codes));
}

// --- filters -------------------------------------------------------------------------------------

// Each id with this chance, in any order, some twice, and now and then one that the index does not hold.
std::vector<Id> draw(Dice& dice, Id end, double share) {
  std::vector<Id> ids;
  for (Id id = 0; id < end; ++id) {
    if (static_cast<double>(dice.below(1'000'000)) < share * 1e6) ids.push_back(id);
    if (!ids.empty() && dice.below(40) == 0) ids.push_back(ids[dice.below(ids.size())]);
    if (!ids.empty() && dice.below(60) == 0) ids.push_back(dice.below(2) == 0 ? dice.next() : kNoId);
  }
  for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[dice.below(i)]);
  return ids;
}

constexpr double kShares[] = {0, 0.002, 0.01, 0.1, 0.5, 0.9, 0.99, 1};

Sets draw_sets(Dice& dice, std::size_t queries, Id end, std::size_t form) {
  if (form == 0) return {};
  if (form == 1) return one_set(draw(dice, end, kShares[dice.below(std::size(kShares))]));
  std::vector<std::optional<std::vector<Id>>> sets(queries);
  for (auto& set : sets) {
    if (dice.below(5) > 0) set = draw(dice, end, kShares[dice.below(std::size(kShares))]);
  }
  return set_each(sets);
}

// Shared and per query, on both sides; forms 0 to 8.
Under draw_filter(Dice& dice, std::size_t queries, Id end, std::size_t form) {
  return {draw_sets(dice, queries, end, form % 3), draw_sets(dice, queries, end, form / 3), Plan::Auto,
          dice.below(2) == 0};
}

std::string name_of(const Under& under, std::size_t form) {
  return "form " + std::to_string(form) + ", plan " + std::to_string(static_cast<int>(under.plan)) +
         (under.counts ? ", counted" : "");
}

// --- every plan, every pair ----------------------------------------------------------------------

// Rows that come twice, so that distances tie; some are removed and replaced, some marked.
struct Worn {
  Worn(const Pair& pair, std::size_t rows, bool wears)
      : index(config_of(pair)), vectors(unit_rows(rows, kDimensions, 3)) {
    for (std::size_t row = 0; row < rows / 10; ++row) {
      std::copy_n(vectors.begin() + static_cast<std::ptrdiff_t>(row * kDimensions), kDimensions,
                  vectors.end() - static_cast<std::ptrdiff_t>((row + 1) * kDimensions));
    }
    index.put(ids_between(0, rows), vectors);
    if (!wears) return;
    index.remove(0, rows / 8);
    index.repair();
    index.settle();
    index.settle();
    std::vector<float> again(vectors.end() - static_cast<std::ptrdiff_t>(rows / 10 * kDimensions), vectors.end());
    index.put(ids_between(rows, rows + rows / 10), again);  // in free slots: not in the order of slots
    for (Id id = rows / 2; id < rows / 2 + rows / 7; ++id) mark(index.state, index.table, id);
    index.remove(rows / 3, rows / 3 + rows / 9);
  }
  std::size_t slots() const { return index.state.count.load(); }
  MortalIndex index;
  std::vector<float> vectors;
};

void every_plan_keeps_its_promises() {
  constexpr std::size_t kRows = 700, kQueries = 9;
  Dice dice(1);
  std::size_t hits = 0, results = 0;
  for (const Pair& pair : kPairs) {
    for (const bool wears : {false, true}) {
      const Worn worn(pair, kRows, wears);
      std::vector<float> queries = unit_rows(kQueries, kDimensions, 70 + dice.below(9));
      std::copy_n(worn.vectors.begin() + 300 * kDimensions, 2 * kDimensions, queries.begin());
      for (float& x : std::span(queries).last(kDimensions)) x *= 50;  // too far for codes
      const Truth truth(worn.index, kDimensions, queries, worn.slots());
      for (std::size_t form = 0; form < 9; ++form) {
        Under under = draw_filter(dice, kQueries, kRows + kRows / 9, form);
        for (const Plan plan : kPlans) {
          under.plan = plan;
          const std::size_t k = 1 + dice.below(dice.below(3) == 0 ? kRows : 20);
          const QueryOptions options{k, 1 + dice.below(80), 1 + dice.below(2), {}};
          const Filtered found = ask(worn.index, queries, options, under);
          const bool exact = plan == Plan::Exact;
          hits += check_promises(truth, found, k, under, exact, name_of(pair) + ", " + name_of(under, form));
          for (std::size_t q = 0; q < kQueries; ++q) {
            results += found.counts[q];
            const Plan taken = found.reports[q].plan;
            check(plan == Plan::Auto || taken == plan || (taken == Plan::None && found.counts[q] == 0),
                  "a plan that is asked for is taken");
          }
        }
      }
    }
  }
  check(hits > results * 97 / 100,
        "of " + std::to_string(results) + " nearest " + std::to_string(hits) + " were found");
}

// A scan by codes finds what a scan by vectors does: it compares again what codes leave in doubt, and all where that is
// too much, as of rows so near to each other that their codes are equal.
void a_scan_by_codes_misses_nothing() {
  constexpr std::size_t kRows = 1200, kQueries = 10, k = 12;
  for (const Pair& pair : kPairs) {
    if (pair.codes == Codes::None) continue;
    for (const bool alike : {false, true}) {
      std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
      for (std::size_t row = 0; alike && row + 20 < kRows; ++row) {
        for (std::size_t d = 0; d < kDimensions; ++d) {
          vectors[row * kDimensions + d] = vectors[d] + 1e-4f * uniform(9, row * kDimensions + d);
        }
      }
      MortalIndex index(config_of(pair));
      index.put(ids_between(0, kRows), vectors);
      const std::vector<float> queries(vectors.begin(), vectors.begin() + kQueries * kDimensions);
      const Truth truth(index, kDimensions, queries, kRows);
      for (const std::size_t denied : {std::size_t{10}, std::size_t{1100}}) {
        for (const bool shares : {false, true}) {
          const std::vector<Id> ids = ids_between(5, 5 + denied);
          const Sets sets =
              shares ? one_set(ids) : set_each(std::vector<std::optional<std::vector<Id>>>(kQueries, ids));
          const Under under{sets, {}, Plan::Scan};
          const Filtered found = ask(index, queries, {k, 30, 1, {}}, under);
          check_promises(truth, found, k, under, true, name_of(pair) + (alike ? ", alike" : ", scattered"));
        }
      }
    }
  }
}

// --- equal for any number of threads, alone and in a batch ---------------------------------------

// The sets of one query in a call of its own, in the form in which they were given: what one set for all costs to look
// up differs from what a set of one query does, so they may be walked for otherwise.
Sets alone_of(const Sets& sets, std::size_t query) {
  if (!sets.given || sets.offsets.empty()) return sets;
  const Sets one = set_of(sets, query);
  return one.given ? set_each({one.ids}) : set_each({std::nullopt});
}

void a_batch_is_a_loop() {
  constexpr std::size_t kRows = 900, kQueries = 23;
  Dice dice(2);
  for (const Pair& pair : {kPairs[0], kPairs[2], kPairs[5], kPairs[10]}) {
    const Worn worn(pair, kRows, true);
    const std::vector<float> queries = unit_rows(kQueries, kDimensions, 8);
    for (std::size_t form = 0; form < 9; ++form) {
      Under under = draw_filter(dice, kQueries, kRows + kRows / 9, form);
      for (const Plan plan : kPlans) {
        under.plan = plan;
        const std::string what = name_of(pair) + ", " + name_of(under, form);
        const std::size_t k = 1 + dice.below(30), ef = 1 + dice.below(60);
        const Filtered together = ask(worn.index, queries, {k, ef, 1, {}}, under);
        const Filtered by_three = ask(worn.index, queries, {k, ef, 3, {}}, under);
        check(together.ids == by_three.ids && together.distances == by_three.distances &&
                  together.counts == by_three.counts && together.reports == by_three.reports,
              what + ": other answers by three threads");
        check_equal(together.counters.distances, by_three.counters.distances, what + ": distances by three threads");
        for (std::size_t q = 0; q < kQueries; ++q) {
          const Under alone{alone_of(under.exclude, q), alone_of(under.allow, q), plan, under.counts};
          const Filtered one = ask(worn.index, row_of(queries, kDimensions, q), {k, ef, 1, {}}, alone);
          const auto at = static_cast<std::ptrdiff_t>(q * k);
          check(one.counts[0] == together.counts[q] &&
                    std::equal(one.ids.begin(), one.ids.end(), together.ids.begin() + at) &&
                    std::equal(one.distances.begin(), one.distances.end(), together.distances.begin() + at),
                what + ": query " + std::to_string(q) + " alone");
        }
      }
    }
  }
}

void levels_answer_alike() {
  constexpr std::size_t kRows = 500, kQueries = 6;
  for (const Pair& pair : kPairs) {
    std::optional<std::vector<Filtered>> expected;
    for_each_level([&](const std::string& level) {
      Dice dice(3);
      const Worn worn(pair, kRows, true);
      const std::vector<float> queries = unit_rows(kQueries, kDimensions, 8);
      std::vector<Filtered> found;
      for (std::size_t form = 0; form < 9; ++form) {
        Under under = draw_filter(dice, kQueries, kRows + kRows / 9, form);
        for (const Plan plan : kPlans) {
          under.plan = plan;
          found.push_back(ask(worn.index, queries, {10, 30, 1, {}}, under));
        }
      }
      if (!expected) expected = found;
      for (std::size_t i = 0; i < found.size(); ++i) {
        check(found[i].ids == (*expected)[i].ids && found[i].distances == (*expected)[i].distances &&
                  found[i].reports == (*expected)[i].reports,
              level + " answers otherwise than scalar, " + name_of(pair) + ", call " + std::to_string(i));
      }
    });
  }
}

// --- hostile graphs and filters ------------------------------------------------------------------

// Filters that leave out where a walk begins, all that it meets first, and all but a few that are far from it.
void check_hostile(MortalIndex& index, const std::vector<float>& queries, std::size_t rows, const std::string& name) {
  const Truth truth(index, kDimensions, queries, index.state.count.load());
  const Slot entry = index.state.graph.entry().slot;
  std::vector<std::vector<Id>> denied{{*index.state.ids.at<Id>(entry)}, {}, {}};
  denied[1] = denied[0];
  for (std::uint32_t i = 0; i < 2 * index.state.graph.M; ++i) {
    const Slot link = index.state.graph.row(entry, 0)[i];
    if (link != kNoSlot) denied[1].push_back(*index.state.ids.at<Id>(link));
  }
  for (std::size_t i = 0; i < truth.all.counts[0] * 9 / 10; ++i) denied[2].push_back(truth.all.ids[i]);
  const std::vector<Id> nearest_first(truth.all.ids.begin(), truth.all.ids.begin() + truth.all.counts[0]);
  std::vector<Id> furthest(nearest_first.end() - std::min<std::ptrdiff_t>(3, truth.all.counts[0]), nearest_first.end());
  std::vector<Id> everything = ids_between(0, rows);
  std::vector<Under> filters{{{}, one_set(furthest)}, {one_set(everything), {}}, {{}, one_set(everything)}};
  for (const std::vector<Id>& ids : denied) {
    filters.push_back({one_set(ids), {}});
    filters.push_back({set_each(std::vector<std::optional<std::vector<Id>>>(truth.num, ids)), {}});
  }
  filters.push_back({{}, set_each(std::vector<std::optional<std::vector<Id>>>(truth.num, furthest))});
  for (std::size_t f = 0; f < filters.size(); ++f) {
    for (const Plan plan : kPlans) {
      filters[f].plan = plan;
      for (const std::size_t k : {std::size_t{1}, std::size_t{7}, rows + 3}) {
        const QueryOptions options{k, 10, 1, {}};
        const Filtered found = ask(index, queries, options, filters[f]);
        check_promises(truth, found, k, filters[f], plan == Plan::Exact,
                       name + ", filter " + std::to_string(f) + ", plan " + std::to_string(static_cast<int>(plan)));
      }
    }
  }
}

void hostile_graphs_hide_nothing() {
  constexpr std::size_t kRows = 300;
  for (const Pair& pair : {kPairs[0], kPairs[1], kPairs[2], kPairs[5], kPairs[7], kPairs[10]}) {
    std::vector<float> islands(kRows * kDimensions), equal(kRows * kDimensions, 0.25f);
    for (std::size_t row = 0; row < kRows; ++row) {
      for (std::size_t d = 0; d < kDimensions; ++d) {
        islands[row * kDimensions + d] = (row % 5 == d ? 1.0f : 0.0f) + 0.001f * uniform(7, row * kDimensions + d);
      }
    }
    for (const auto* vectors : {&islands, &equal}) {
      MortalIndex index(config_of(pair, 2));
      index.put(ids_between(0, kRows), *vectors);
      std::vector<float> queries(vectors->begin(), vectors->begin() + 4 * kDimensions);
      check_hostile(index, queries, kRows, name_of(pair) + (vectors == &equal ? ", equal rows" : ", islands"));
      // No links at all: a walk finds where it begins, and what is missing is looked for elsewhere.
      Graph& graph = index.state.graph;
      for (Slot slot = 0; slot < kRows; ++slot) {
        for (int level = 0; level <= graph.level_of(slot); ++level) {
          std::fill_n(graph.row(slot, level), graph.places(level), kNoSlot);
        }
      }
      check_hostile(index, queries, kRows, name_of(pair) + ", no links");
    }
  }
  for (std::size_t rows = 1; rows <= 5; ++rows) {
    MortalIndex index(config_of(kPairs[0]));
    const std::vector<float> vectors = unit_rows(rows, kDimensions, 3);
    index.put(ids_between(0, rows), vectors);
    check_hostile(index, row_of(vectors, kDimensions, 0), rows, std::to_string(rows) + " rows");
  }
}

// What is gone may be named by a filter as well: it changes nothing.
void a_filter_of_what_is_gone_leaves_the_rest() {
  constexpr std::size_t kRows = 400;
  for (const Pair& pair : {kPairs[0], kPairs[2], kPairs[10]}) {
    MortalIndex index(config_of(pair));
    index.put(ids_between(0, kRows), unit_rows(kRows, kDimensions, 3));
    for (Id id = 0; id < 90; ++id) mark(index.state, index.table, id);
    index.remove(90, 200);
    const std::vector<float> queries = unit_rows(5, kDimensions, 9);
    const Truth truth(index, kDimensions, queries, kRows);
    const std::vector<Id> gone = ids_between(0, 200);
    const std::vector<std::optional<std::vector<Id>>> each(5, gone);
    for (const bool allows : {false, true}) {
      for (const bool shares : {false, true}) {
        const Sets sets = shares ? one_set(gone) : set_each(each);
        for (const Plan plan : kPlans) {
          const Under under{allows ? Sets{} : sets, allows ? sets : Sets{}, plan, plan == Plan::Scan};
          const Filtered found = ask(index, queries, {10, 20, 1, {}}, under);
          check_promises(truth, found, 10, under, plan == Plan::Exact, name_of(pair) + ", what is gone");
          check_equal(found.counts[0], allows ? 0u : 10u, "results");
        }
      }
    }
  }
}

void an_empty_index_has_nothing_to_return() {
  const MortalIndex index(config_of(kPairs[1]));
  const std::vector<float> queries = unit_rows(3, kDimensions, 3);
  for (std::size_t form = 0; form < 9; ++form) {
    Dice dice(form);
    Under under = draw_filter(dice, 3, 20, form);
    for (const Plan plan : kPlans) {
      under.plan = plan;
      const Filtered found = ask(index, queries, {2, 10, 1, {}}, under);
      for (std::size_t q = 0; q < 3; ++q) {
        check(found.counts[q] == 0 && found.ids[2 * q] == kNoId && found.reports[q].plan == Plan::None &&
                  found.reports[q].distances == 0,
              "an answer of an empty index");
      }
    }
  }
}

const Group group{"filters",
                  {{"every plan keeps its promises", every_plan_keeps_its_promises},
                   {"a scan by codes misses nothing", a_scan_by_codes_misses_nothing},
                   {"a batch is a loop", a_batch_is_a_loop},
                   {"levels answer alike", levels_answer_alike},
                   {"hostile graphs hide nothing", hostile_graphs_hide_nothing},
                   {"a filter of what is gone leaves the rest", a_filter_of_what_is_gone_leaves_the_rest},
                   {"an empty index has nothing to return", an_empty_index_has_nothing_to_return}}};

}  // namespace
}  // namespace nearfield::test
