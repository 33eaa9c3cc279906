// Attributes of rows and filters of them, beside threads that change both.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "fixtures.h"
#include "nearfield/columns.h"
#include "nearfield/filter.h"
#include "nearfield/index.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 16;
constexpr std::size_t kRows = 600;
constexpr int kTurns = 40;

IndexConfig config() { return {Space::Euclidean, Storage::Float32, kDimensions, 4, 20, 1, Codes::None}; }

std::vector<Id> ids_from(Id first, std::size_t rows) {
  std::vector<Id> ids(rows);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

// One value for all rows, in two columns.
struct Pair {
  explicit Pair(std::int64_t value, std::size_t rows) : values(rows, value) {
    for (const char* name : {"a", "b"})
      columns.push_back({name, ColumnType::Int64, values.data(), nullptr, nullptr, {}});
  }
  std::vector<std::int64_t> values;
  std::vector<ColumnValues> columns;
};

FilterStep even(const std::string& column, std::int64_t most) {
  FilterStep step;
  step.kind = FilterStep::Kind::Ints;
  step.column = column;
  for (std::int64_t value = 0; value <= most; value += 2) step.ranges.emplace_back(value, value);
  return step;
}

FilterStep joined(FilterStep::Kind kind, std::size_t operands) {
  FilterStep step;
  step.kind = kind;
  step.operands = operands;
  return step;
}

// Rows of which one column is even and the other is not.
std::vector<FilterStep> torn() {
  using Kind = FilterStep::Kind;
  return {even("a", kTurns), even("b", kTurns), joined(Kind::Not, 0), joined(Kind::And, 2)};
}

void queries_see_all_of_a_change_or_nothing() {
  Index index(config());
  const std::vector<float> vectors = scattered(kRows, kDimensions, 1);
  const std::vector<Id> ids = ids_from(0, kRows);
  const Pair first(0, kRows);
  AddOptions options;
  options.columns = &first.columns;
  index.add(vectors.data(), kRows, ids.data(), nullptr, options);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop.load()) {
      const FilterProgram program(torn());
      check_equal(index.count_passing(program), std::size_t{0}, "rows of which one column alone was changed");
      const std::vector<ColumnRead> read = index.get_columns({"a", "b"}, ids.data(), kRows, true);
      check(read[0].values == read[1].values, "columns that are read together are of one instant");
    }
  });
  for (int turn = 1; turn <= kTurns; ++turn) {
    const Pair next(turn, kRows);
    check_equal(index.set_columns(ids.data(), kRows, next.columns, true), kRows, "rows that were changed");
  }
  stop.store(true);
  reader.join();
}

// Places of removed rows are taken again while a filter looks at ids.
void ids_are_asked_for_while_places_are_taken() {
  Index index(config());
  const std::vector<float> vectors = scattered(kRows, kDimensions, 2);
  index.add(vectors.data(), kRows, ids_from(0, kRows).data(), nullptr, {});
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    FilterStep step;
    step.kind = FilterStep::Kind::IdRange;
    step.id_ranges = {{0, kRows / 2 - 1}};  // which stay
    while (!stop.load()) {
      const FilterProgram program({step});
      check_equal(index.count_passing(program), kRows / 2, "rows whose ids lie in a range");
    }
  });
  for (int turn = 0; turn < kTurns; ++turn) {
    const std::vector<Id> gone = ids_from(kRows / 2 + static_cast<std::size_t>(turn) * 100, 100);
    index.remove(gone.data(), gone.size(), false);
    index.repair(1, {});
    const std::vector<Id> next = ids_from(kRows + static_cast<std::size_t>(turn) * 100, 100);
    index.add(vectors.data(), next.size(), next.data(), nullptr, {});
  }
  stop.store(true);
  reader.join();
  check_equal(index.counts().live, kRows, "live rows");
}

const Group group{"columns",
                  {{"queries see all of a change or nothing", queries_see_all_of_a_change_or_nothing},
                   {"ids are asked for while places are taken", ids_are_asked_for_while_places_are_taken}}};

}  // namespace
}  // namespace nearfield::test
