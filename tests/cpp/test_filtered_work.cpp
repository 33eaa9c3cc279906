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

const Group group{"filters", {{"queries allocate nothing", queries_allocate_nothing}}};

}  // namespace
}  // namespace nearfield::test
