// Codes of inner products: taken around the middle of the rows, and the rows that are too long for them.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "build/recode.h"
#include "check.h"
#include "files/format.h"
#include "forge.h"
#include "nearfield/error.h"
#include "open_index.h"

namespace nearfield::test {
namespace {

constexpr std::size_t kDimensions = 24, kRows = 2600, kQueries = 100;
constexpr IndexConfig kConfig{Space::InnerProduct, Storage::Float32, kDimensions, 12, 60, 1, Codes::Int8};

// Every `every`-th row 30 times as long as the others.
std::vector<float> some_long(std::size_t rows, std::size_t every, std::uint64_t seed) {
  std::vector<float> vectors = scattered(rows, kDimensions, seed);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] *= i / kDimensions % every == 7 ? 30.0f : 1.0f;
  return vectors;
}

std::vector<Slot> listed(const State& state) {
  const LongRows& rows = state.code_plane->long_rows;
  std::vector<Slot> slots(rows.size());
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = rows[i];
  return slots;
}

// Rows that lie far from the origin in one direction are told apart as well as those around it.
void rows_far_from_the_origin_are_found() {
  const std::vector<float> queries = scattered(kQueries, kDimensions, 5);
  for (const float offset : {0.0f, 3.0f, -1000.0f}) {
    std::vector<float> vectors = scattered(kRows, kDimensions, 4);
    for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] += offset * (i % 3 == 0 ? 1.0f : 0.5f);
    OpenIndex index(kConfig);
    index.add(vectors);
    const std::string what = "offset " + std::to_string(offset);
    const Grid& grid = index.state.code_plane->grid;
    for (std::size_t d = 0; d < kDimensions; ++d) {
      check_near(grid.origin[d], offset * (d % 3 == 0 ? 1.0f : 0.5f), 0.1, what + ": the middle of a dimension");
    }
    check(grid.step < 1.2f / 127, what + ": step " + std::to_string(grid.step));
    const double found = recall(index, kRows, queries, {10, 100, 1, {}});
    check(found > 0.97, what + ": recall " + std::to_string(found));
  }
}

// Each query compares them, however short its beam and whatever the codes of them say.
void long_rows_are_always_found() {
  const std::vector<float> vectors = some_long(kRows, 130, 1), queries = scattered(kQueries, kDimensions, 2);
  std::vector<Slot> expected;
  for (std::size_t row = 7; row < kRows; row += 130) expected.push_back(static_cast<Slot>(row));
  OpenIndex index(kConfig);
  index.add(vectors);
  check(listed(index.state) == expected, std::to_string(listed(index.state).size()) + " rows are listed");
  check(index.state.code_plane->grid.step < 9 * 1.0f / 127, "the others keep their steps");
  const auto check_found = [&](std::size_t hidden_row, const std::string& what) {
    for (const std::size_t k : {1u, 10u}) {
      const Answers found = ask(index, queries, {k, 10, 1, {}});
      const Answers truth = ask(index, queries, {k, kRows, 1, {}});
      for (std::size_t i = 0; i < found.ids.size(); ++i) {
        check(found.ids[i] != hidden_row, what + ": one is hidden");
        if (truth.ids[i] % 130 != 7) continue;
        const auto begin = found.ids.begin() + static_cast<std::ptrdiff_t>(i / k * k);
        check(std::count(begin, begin + static_cast<std::ptrdiff_t>(k), truth.ids[i]) == 1,
              what + ": query " + std::to_string(i / k) + ", row " + std::to_string(truth.ids[i]));
      }
    }
  };
  check_found(kRows, "all rows");
  mark(index.state, index.table, 137);
  check_found(137, "one marked");
}

// Where they are many, the grid is as wide as they ask for, and only the longest are left out of it.
void many_long_rows_widen_the_grid() {
  const std::vector<float> vectors = some_long(kRows, 26, 3);  // a hundred
  OpenIndex index(kConfig);
  index.add(vectors);
  check(index.state.code_plane->grid.step > 20 * 1.0f / 127, "step");
  check(index.state.code_plane->long_rows.wanted() <= LongRows::kMost, "few are left outside");
  const double found = recall(index, kRows, scattered(kQueries, kDimensions, 2), {10, 100, 1, {}});
  check(found > 0.97, "recall " + std::to_string(found));
}

// Those of a round that is not published are taken back with it; and a grid is fitted anew when their list is full.
void rounds_list_their_long_rows() {
  State state(kConfig);
  const Metric metric(kConfig, active_level());
  ScratchPool pool;
  std::vector<float> unit(metric.padded);
  const auto write = [&](const std::vector<float>& vectors, bool keep) {
    const std::size_t first = state.count.load(), last = first + vectors.size() / kDimensions;
    state.grow(last);
    for (std::size_t slot = first; slot < last; ++slot) {
      metric.encode(vectors.data() + (slot - first) * kDimensions, unit.data(), state.vector_row(slot));
    }
    RoundCodes codes(state, pool);
    codes.write(metric, slots_between(first, last), 1);
    if (!keep) return;
    state.count = last;
    state.published = last;
    codes.keep();
  };
  write(scattered(600, kDimensions, 1), true);
  check_equal(listed(state).size(), std::size_t{0}, "ordinary rows");
  const CodePlane* plane = state.code_plane.get();
  write(some_long(20, 10, 2), true);
  check(listed(state) == std::vector<Slot>{607, 617}, "two came");
  write(some_long(20, 10, 3), false);
  check(listed(state) == std::vector<Slot>{607, 617}, "two more are taken back");
  write(some_long(280, 10, 4), true);
  check_equal(listed(state).size(), std::size_t{30}, "thirty");
  check(state.code_plane.get() == plane && plane->num_outside > 0, "on the grid of the first");
  write(some_long(20, 10, 5), true);
  check(state.code_plane.get() != plane, "then the grid is fitted anew");
  check(state.code_plane->grid.step > 20 * 1.0f / 127, "as wide as they ask for");
  check(state.code_plane->long_rows.has_room(1), "with room for more");
}

// A full list may have left rows out: the next row outside is a reason to look again.
void a_full_list_has_no_room() {
  LongRows rows;
  for (Slot slot = 0; slot < 40; ++slot) {
    check_equal(rows.has_room(0), slot < LongRows::kMost, "room for what is there, after " + std::to_string(slot));
    rows.append(slot);
  }
  check_equal(rows.size(), LongRows::kMost + 1, "listed");
  check_equal(rows.wanted(), std::size_t{40}, "appended");
  check(rows.are_too_many(), "too many");
  rows.cut(3);
  check(!rows.are_too_many() && rows.size() == 3 && rows[2] == 2 && rows.has_room(28) && !rows.has_room(29), "cut");
}

// Lengths over many powers of ten: no grid holds them and no list, so queries are led by the vectors; from a file too,
// and from one whose list is not known.
void too_many_long_rows_are_found_by_their_vectors() {
  constexpr std::size_t kMany = 10400;
  std::vector<float> vectors = scattered(kMany, kDimensions, 1);
  for (std::size_t row = 0; row < 100; ++row) {
    const float length = 10 * std::pow(1.15f, static_cast<float>(row));
    for (std::size_t d = 0; d < kDimensions; ++d) vectors[(row * 104 + 3) * kDimensions + d] *= length;
  }
  Index index(kConfig);
  index.add(vectors.data(), kMany, nullptr, nullptr, {1, {}});
  const std::vector<float> queries = scattered(kQueries, kDimensions, 2);
  const double found = recall(index, kMany, queries, {10, 64, 1, {}});
  check(found > 0.97, "recall " + std::to_string(found));
  const Bytes bytes = bytes_of(index);
  const format::Section section = section_of(bytes, format::Kind::LongRows);
  check_equal(section.rows, std::uint64_t{LongRows::kMost + 1}, "listed in the file");
  Bytes unlisted = bytes;
  const auto sections = sections_of(bytes);
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].kind != section.kind) continue;
    store(unlisted, header_of(bytes).table_offset + i * sizeof section, std::uint32_t{60});  // a kind of no reader
  }
  seal(unlisted);
  const Answers expected = ask(index, queries, {10, 64, 1, {}});
  for (const Bytes& file : {bytes, unlisted}) {
    const Index loaded = Index::load(file, {});
    const Answers answers = ask(loaded, queries, {10, 64, 1, {}});
    check(answers.ids == expected.ids && answers.counters.distances == expected.counters.distances, "from a file");
    check(refused_field(bytes_of(loaded)).empty(), "and what that writes is read");
  }
}

// Codes alone hold no more of a row than codes can: there is nothing to compare it by.
void codes_alone_list_none() {
  IndexConfig config = kConfig;
  config.storage = Storage::CodesOnly;
  OpenIndex index(config);
  index.add(some_long(kRows, 130, 1));
  check_equal(index.state.code_plane->long_rows.wanted(), std::size_t{0}, "listed");
}

void files_hold_middle_and_long_rows() {
  std::vector<float> vectors = some_long(kRows, 130, 1);
  for (float& x : vectors) x += 2;
  Index index(kConfig);
  index.add(vectors.data(), kRows, nullptr, nullptr, {1, {}});
  const std::vector<float> queries = scattered(kQueries, kDimensions, 2);
  const Answers expected = ask(index, queries, {10, 20, 1, {}});
  const Bytes bytes = bytes_of(index);
  check_equal(header_of(bytes).features, std::uint64_t{2}, "features");
  const format::Section section = section_of(bytes, format::Kind::LongRows);
  check_equal(section.rows, std::uint64_t{20}, "rows");
  const TemporaryPath file("products");
  file.write(bytes);
  for (const bool map : {false, true}) {
    LoadOptions options;
    options.map = map;
    const Index loaded = Index::load(file.path, options);
    const Answers answers = ask(loaded, queries, {10, 20, 1, {}});
    check(answers.ids == expected.ids && answers.distances == expected.distances &&
              answers.counters.distances == expected.counters.distances,
          map ? "mapped" : "read");
    check(bytes_of(loaded) == bytes, "and written as it was");
  }
  const auto check_refused = [](Bytes bad, const std::string& field, const std::string& what) {
    seal(bad);
    check(refused_field(bad) == field, what + ": refused for " + refused_field(bad));
  };
  Bytes bad = bytes;
  store(bad, section.offset + 4, std::uint32_t{7});  // the same as the first
  check_refused(bad, "long_rows", "not ascending");
  bad = bytes;
  store(bad, section.offset + 4 * 19, static_cast<std::uint32_t>(kRows));
  check_refused(bad, "long_rows", "not below count");
  bad = bytes;
  store(bad, offsetof(format::Header, features), std::uint64_t{0});
  check_refused(bad, "grid.origin", "an origin without its feature");
  IndexConfig config = kConfig;
  config.space = Space::Euclidean;
  Index other(config);
  bad = bytes_of(other);
  store(bad, offsetof(format::Header, features), std::uint64_t{2});
  check_refused(bad, "features", "the feature in another space");
}

const Group group{"products",
                  {{"rows far from the origin are found", rows_far_from_the_origin_are_found},
                   {"long rows are always found", long_rows_are_always_found},
                   {"many long rows widen the grid", many_long_rows_widen_the_grid},
                   {"rounds list their long rows", rounds_list_their_long_rows},
                   {"a full list has no room", a_full_list_has_no_room},
                   {"too many long rows are found by their vectors", too_many_long_rows_are_found_by_their_vectors},
                   {"codes alone list none", codes_alone_list_none},
                   {"files hold middle and long rows", files_hold_middle_and_long_rows}}};

}  // namespace
}  // namespace nearfield::test
