// What filtered queries cost, by counts: allocations, rows compared against a scan, and a sweep against walks that know
// no filter.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "allocations.h"
#include "check.h"
#include "filtering.h"
#include "history.h"
#include "mortal.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 16;
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

const Group group{"filters",
                  {{"queries allocate nothing", queries_allocate_nothing},
                   {"no walk costs more than a second scan", no_walk_costs_more_than_a_second_scan}}};

}  // namespace
}  // namespace nearfield::test
