// What filtered queries cost, by counts: allocations, rows compared against a scan, and a sweep against walks that know
// no filter.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "allocations.h"
#include "check.h"
#include "columns/allowed.h"
#include "filtering.h"
#include "history.h"
#include "mortal.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 16;  // 64 bytes, longer than the links of the graphs that are swept
constexpr Plan kPlans[] = {Plan::Auto, Plan::Scan, Plan::Sweep, Plan::Exact, Plan::Walk};

// --- allocations ---------------------------------------------------------------------------------

// Once its memory has grown: a query of its own sets asks for none, a set for all asks once for the call.
void queries_allocate_nothing() {
  constexpr std::size_t kRows = 3000, kQueries = 40, k = 10;
  const std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
  const std::vector<float> queries = unit_rows(kQueries, kDimensions, 4);
  for (const Codes codes : {Codes::None, Codes::Int8}) {
    Index index({Space::Euclidean, Storage::Float32, kDimensions, 8, 30, 1, codes});
    index.add(vectors.data(), kRows, nullptr, nullptr, {1, {}});
    index.mark_deleted(17);
    const Sets few = one_set(ids_between(0, 20)), most = one_set(ids_between(20, kRows));
    const auto each = [&](std::size_t rows, const Sets& set) {
      return set_each(std::vector<std::optional<std::vector<Id>>>(rows, set.ids));
    };
    for (const Plan plan : kPlans) {
      for (const bool counts : {false, true}) {
        for (int form = 0; form < 8; ++form) {
          std::uint64_t used[2];
          for (const std::size_t rows : {std::size_t{4}, kQueries}) {
            const Sets& one = form % 2 == 0 ? few : most;
            const Sets given = form / 4 == 0 ? one : each(rows, one);
            const Under under{form / 2 % 2 == 0 ? given : Sets{}, form / 2 % 2 == 0 ? Sets{} : given, plan, counts};
            Filtered to;
            to.ids.resize(rows * k);
            to.distances.resize(rows * k);
            to.counts.resize(rows);
            to.reports.resize(rows);
            const QueryFilter filter{.exclude = under.exclude.view(),
                                     .allow = under.allow.view(),
                                     .plan = plan,
                                     .counts = counts,
                                     .reports = to.reports.data()};
            const QueryOptions options{k, 30, 1, {}, &filter};
            const auto query = [&] {
              index.query(queries.data(), rows, options, to.ids.data(), to.distances.data(), to.counts.data());
            };
            query();
            const std::uint64_t before = allocations();
            query();
            used[rows == kQueries] = allocations() - before;
          }
          check_equal(used[1], used[0],
                      "allocations in " + std::to_string(kQueries) + " queries and in 4, form " + std::to_string(form) +
                          ", plan " + std::to_string(static_cast<int>(plan)) + (counts ? ", counted" : ""));
          check(used[0] < 16, "allocations in a call: " + std::to_string(used[0]));
        }
      }
    }
  }
}

// --- rows compared -------------------------------------------------------------------------------

// Whatever passes, and wherever it lies: a query compares hardly more than twice as many rows as a scan of what may be
// returned would, and those that a walk takes to find out.
void no_walk_costs_more_than_a_second_scan() {
  constexpr std::size_t kRows = 6000, kQueries = 2;
  constexpr double kAround = 1200;  // on the way down, before a walk is given up, before codes are
  std::size_t walked = 0, given_up = 0;
  for (const Codes codes : {Codes::None, Codes::Int8, Codes::Int4}) {
    for (const bool equal : {false, true}) {
      std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
      if (equal) std::fill(vectors.begin(), vectors.end(), 0.25f);
      MortalIndex index({Space::Euclidean, Storage::Float32, kDimensions, 6, 24, 1, codes});
      index.put(ids_between(0, kRows), vectors);
      const std::vector<float> queries = unit_rows(kQueries, kDimensions, 4);
      const Truth truth(index, kDimensions, queries, kRows);
      for (const double share : {0.0005, 0.01, 0.05, 0.2, 0.5, 0.9}) {
        for (const int correlation : {-1, 0, 1}) {
          // Of each query what is far from it, anything, or what is near.
          std::vector<std::optional<std::vector<Id>>> allowed(kQueries), denied(kQueries);
          for (std::size_t q = 0; q < kQueries; ++q) {
            allowed[q].emplace();
            denied[q].emplace();
            for (std::size_t i = 0; i < kRows; ++i) {
              const double place = correlation == 0  ? static_cast<double>(mix64(i) % kRows)
                                   : correlation > 0 ? static_cast<double>(i)
                                                     : static_cast<double>(kRows - 1 - i);
              (place < share * kRows ? allowed : denied)[q]->push_back(truth.all.ids[q * kRows + i]);
            }
          }
          const Under filters[] = {
              {set_each(denied), {}}, {{}, set_each(allowed)}, {one_set(*denied[0]), {}}, {{}, one_set(*allowed[0])}};
          for (Under under : filters) {
            for (const Plan plan : {Plan::Auto, Plan::Sweep}) {
              under.plan = plan;
              const Filtered found = ask(index, queries, {10, 40, 1, {}}, under);
              check_promises(truth, found, 10, under, false, "a costly filter");
              for (std::size_t q = 0; q < kQueries; ++q) {
                const QueryReport& report = found.reports[q];
                const auto m = static_cast<double>(truth.passing(q, under).size());
                const double more = static_cast<double>(report.distances) - kAround;
                walked += report.ef > 0;
                given_up += report.fell_back;
                check(more <= 2.2 * m, "codes " + std::to_string(static_cast<int>(codes)) + (equal ? ", equal" : "") +
                                           ", " + std::to_string(share) + ", correlation " +
                                           std::to_string(correlation) + ", plan " +
                                           std::to_string(static_cast<int>(report.plan)) + ": " +
                                           std::to_string(report.distances) + " distances for " + std::to_string(m));
              }
            }
          }
        }
      }
    }
  }
  check(walked > 800 && given_up > 300, "walks " + std::to_string(walked) + ", given up " + std::to_string(given_up));
}

// --- a sweep against walks without a filter ------------------------------------------------------

// Which rows a walk reads: told by what it asks the guard of a mapped file.
struct Watcher {
  const RowsView rows;
  std::set<std::uintptr_t> read{};
  static bool touch(const void* guard, const void* data, std::size_t bytes) {
    auto* self = const_cast<Watcher*>(static_cast<const Watcher*>(guard));
    if (bytes == self->rows.stride) self->read.insert(reinterpret_cast<std::uintptr_t>(data));
    return true;
  }
};

std::set<std::uintptr_t> rows_read(const OpenIndex& index, const std::vector<float>& query, std::size_t ef,
                                   const SlotFilter* filter) {
  const ScratchPool::Lease lease = index.pool.lend();
  const Reading reading = read_state(index.state, index.metric);
  lease->fit(reading.view.count, ef, reading.view.places0, index.metric.padded);
  index.metric.prepare(query.data(), lease->query());
  Watcher watcher{reading.view.rows};
  WalkView view = reading.view;
  view.touch = &Watcher::touch;
  view.guard = &watcher;
  view.upper_rows = index.state.graph.upper_rows;
  WalkJob job{
      .query = lease->query(), .start = reading.entry.slot, .ef = ef, .filter = filter, .scratch = &lease->walk()};
  reading.walks->search(view, &job, 1);
  return watcher.read;
}

template <class T>
bool is_within(const std::set<T>& a, const std::set<T>& b) {
  return std::includes(b.begin(), b.end(), a.begin(), a.end());
}

// V(ef) within V_s(ef) within V(ef + |E|), where E is what is left out: of the rows that walks on level 0 read. Since a
// walk chooses its next slot one hop early, three in a thousand read a row that they need not.
void a_sweep_lies_between_two_walks() {
  Dice dice(5);
  std::size_t walks = 0, below = 0, above = 0, more = 0;
  for (std::size_t round = 0; round < 100; ++round) {
    const std::size_t rows = 20 + dice.below(300);
    OpenIndex index({Space::Euclidean, Storage::Float32, kDimensions, 2 + static_cast<std::uint32_t>(dice.below(6)), 16,
                     round, Codes::None});
    std::vector<float> vectors =
        round % 3 == 0 ? clustered(rows, kDimensions, round) : unit_rows(rows, kDimensions, round);
    index.add(vectors);
    for (int q = 0; q < 8; ++q) {
      const std::vector<float> query = unit_rows(1, kDimensions, 1000 * round + static_cast<std::size_t>(q));
      const std::size_t ef = 1 + dice.below(12);
      Allowed allowed = all_returnable(read_state(index.state, index.metric).view);
      std::vector<Id> denied(dice.below(dice.below(2) == 0 ? 10 : rows));
      for (Id& id : denied) id = dice.below(rows);
      take_away(allowed, index.table, denied);
      const SlotFilter filter{.allowed = allowed.bits.data()};
      const auto narrow = rows_read(index, query, ef, nullptr), swept = rows_read(index, query, ef, &filter),
                 wide = rows_read(index, query, ef + rows - allowed.count, nullptr);
      ++walks;
      below += is_within(narrow, swept);
      above += is_within(swept, wide);
      more += swept.size() > narrow.size();
    }
  }
  check(below * 100 >= walks * 99, "sweeps that read all that a walk reads: " + std::to_string(below));
  check(above * 100 >= walks * 99, "sweeps that read no more than a wider walk: " + std::to_string(above));
  check(more * 3 > walks, "sweeps that read more than a walk: " + std::to_string(more));
}

const Group group{"filter work",
                  {{"queries allocate nothing", queries_allocate_nothing},
                   {"a sweep lies between two walks", a_sweep_lies_between_two_walks},
                   {"no walk costs more than a second scan", no_walk_costs_more_than_a_second_scan}}};

}  // namespace
}  // namespace nearfield::test
