// When a grid is looked at again, what it is then fitted to, and what is counted beside it. Rows are encoded here and
// not linked, so that there can be many.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "build/recode.h"
#include "build/round.h"
#include "check.h"
#include "open_index.h"
#include "walk/held.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 16;

IndexConfig config_of(Storage storage, const Kind& kind = {Space::Euclidean, Codes::Int8}) {
  return {kind.space, storage, kDimensions, 2, 10, 1, kind.codes};
}

// What add_rows() does but for links and ids.
struct Coded {
  explicit Coded(const IndexConfig& config) : state(config), metric(config, active_level()) {}

  void add(const std::vector<float>& vectors) {
    const std::size_t base = state.count.load();
    const std::size_t end = base + vectors.size() / kDimensions;
    state.grow(end);
    std::vector<float> unit(metric.padded);
    for (std::size_t first = base; first < end; first = state.count.load()) {
      const std::size_t last = first + round_rows(first, end - first);
      for (std::size_t slot = first; slot < last; ++slot) {
        metric.encode(vectors.data() + (slot - base) * kDimensions, unit.data(), state.vector_row(slot));
      }
      RoundCodes codes(state, pool);
      codes.write(metric, slots_between(first, last), 1);
      Plane recent(state.vectors.row_bytes());
      const bool lets_go = lets_vectors_go(state, last);
      if (lets_go) copy_recent(state, last, last, recent);
      state.count = last;
      state.published = last;
      if (lets_go) state.vectors.swap(recent);
      codes.keep();
    }
  }

  // Around a place on the diagonal.
  void add_at(float place, std::size_t rows) {
    std::vector<float> vectors = clustered(rows, kDimensions, state.count.load());
    for (float& x : vectors) x += place;
    add(vectors);
  }

  const CodePlane& plane() const { return *state.code_plane; }

  // How far off the furthest component of slots [first, last) is held.
  float error(const std::vector<float>& vectors, std::size_t first, std::size_t last) const {
    std::vector<float> held(metric.padded);
    float most = 0;
    for (std::size_t slot = first; slot < last; ++slot) {
      held_vector(state, metric, &plane(), static_cast<Slot>(slot), held.data());
      for (std::size_t d = 0; d < kDimensions; ++d) {
        most = std::max(most, std::fabs(held[d] - vectors[slot * kDimensions + d]));
      }
    }
    return most;
  }

  State state;
  Metric metric;
  ScratchPool pool;
};

void a_grid_that_still_serves_counts_as_looked_at() {
  Coded index(config_of(Storage::Float32));
  index.add_at(0, 512);
  const CodePlane* fitted = &index.plane();
  check_equal(fitted->num_fitted, std::size_t{0}, "fitted to the first round");
  index.add_at(0, 512);
  check(&index.plane() == fitted, "twice as many rows of the same kind leave the grid as it is");
  check_equal(fitted->num_fitted, std::size_t{512}, "looked at when there were twice as many");
  index.add_at(0, 512);
  check_equal(fitted->num_fitted, std::size_t{512}, "not looked at where there are not");
}

// Where old vectors are gone: to what codes stand for, from first to last, and to all vectors that are kept. A third of
// the rows stands where neither the first rows nor those that are kept do, and the last ones where none of the old do.
void a_grid_is_fitted_to_rows_of_all_ages() {
  constexpr std::size_t kRows = 4608;
  std::vector<float> vectors = clustered(kRows, kDimensions, 3);
  for (std::size_t slot = 0; slot < kRows; ++slot) {
    const float place = slot >= 4096 ? -4.0f : slot >= 1500 && slot < 3500 ? 10.0f : 0.0f;
    for (std::size_t d = 0; d < kDimensions; ++d) vectors[slot * kDimensions + d] += place;
  }
  Coded index(config_of(Storage::CodesOnly));
  index.add({vectors.begin(), vectors.begin() + 4096 * kDimensions});
  const float step = index.plane().grid.step;
  const float before = index.error(vectors, 0, 4096);
  check(before < 1, "in the beginning slots are held off by " + std::to_string(before));
  index.add({vectors.begin() + 4096 * kDimensions, vectors.end()});
  check_equal(index.plane().num_fitted, std::size_t{4096}, "fitted anew");
  for (const auto& [first, last] : {std::pair{0u, 1500u}, {1500u, 3500u}, {3500u, 4096u}, {4096u, 4608u}}) {
    const float error = index.error(vectors, first, last);
    check(error < 1, "slots from " + std::to_string(first) + " are held off by " + std::to_string(error));
  }
  // Each new grid rounds old codes once more, so there shall be few.
  check(index.plane().grid.step >= 1.99f * step, "it is twice as wide at least");
}

// Rows that go on drifting are looked at in the next round again where old vectors are gone, or they would be let go
// before they were fitted to; not so where all are kept, or while they come one by one.
void drifting_rows_are_looked_at_before_they_are_let_go() {
  constexpr std::size_t kRows = 79 * kRoundRows;
  for (const Storage storage : {Storage::CodesOnly, Storage::Float32}) {
    const std::string what = storage == Storage::CodesOnly ? "codes only" : "all kept";
    Coded index(config_of(storage));
    index.add_at(0, kRows);
    index.add_at(6, kRoundRows);
    check_equal(index.plane().num_fitted, kRows, what + ": in the first round");
    index.add_at(60, kRoundRows);
    const std::size_t second = storage == Storage::CodesOnly ? kRows + kRoundRows : kRows;
    check_equal(index.plane().num_fitted, second, what + ": after 512 rows");
    index.add_at(600, 1);
    const std::size_t third = kRows + 2 * kRoundRows;
    check_equal(index.plane().num_fitted, third, what + ": after 512 or 1024 rows");
    index.add_at(6000, 1);
    check_equal(index.plane().num_fitted, third, what + ": after a single row");
  }
}

std::uint64_t outside_of_all(const Coded& index) {
  const Grid& grid = index.plane().grid;
  std::vector<float> rotated(index.metric.padded);
  std::uint64_t outside = 0;
  for (std::size_t slot = 0; slot < index.state.count.load(); ++slot) {
    const auto* vector = reinterpret_cast<const float*>(index.state.vector_row(slot));
    outside += count_outside(grid, as_encoded(grid, vector, index.metric.padded, rotated.data()));
  }
  return outside;
}

// A few rows far off in every round: too few for another grid, until there are enough of one kind.
void all_components_outside_are_counted() {
  for (const Kind& kind : {Kind{Space::Euclidean, Codes::Int8}, Kind{Space::Euclidean, Codes::Int4},
                           Kind{Space::Cosine, Codes::Int8}, Kind{Space::InnerProduct, Codes::Int8}}) {
    Coded index(config_of(Storage::Float32, kind));
    const CodePlane* before = nullptr;
    std::size_t kept = 0, fitted = 0;
    std::uint64_t most = 0;
    for (std::size_t round = 0; round < 14; ++round) {
      std::vector<float> vectors = clustered(300, kDimensions, 40 + round);
      vectors[20 * kDimensions + 3] = 40.0f;
      if (round % 6 == 5) {
        for (float& x : vectors) x *= static_cast<float>(round);
      }
      index.add(vectors);
      (&index.plane() == before ? kept : fitted) += 1;
      before = &index.plane();
      const std::uint64_t expected = outside_of_all(index);
      most = std::max(most, expected);
      check_equal(index.plane().num_outside.load(), expected, name_of(kind) + ", round " + std::to_string(round));
    }
    check(kept >= 3 && fitted >= 2, name_of(kind) + ": kept " + std::to_string(kept) + " times");
    check(most >= 5, name_of(kind) + ": outside " + std::to_string(most));
  }
}

void what_lies_outside_is_shown_by_an_index_and_kept_in_its_file() {
  constexpr std::size_t kRows = 700;
  std::vector<float> vectors = clustered(kRows, kDimensions, 5);
  for (std::size_t row = 0; row < kRows; row += 300) vectors[row * kDimensions] = 1000.0f;
  Index index(config_of(Storage::Float32));
  index.add(vectors.data(), kRows, nullptr, nullptr, {1, {}});
  const double expected = 3.0 / (kRows * kDimensions);
  check_near(index.stats().clamped, expected, 1e-12, "share outside");
  const Index loaded = Index::load(bytes_of(index), {});
  check_near(loaded.stats().clamped, expected, 1e-12, "share outside, from a file");
}

const Group group{
    "refit",
    {{"a grid that still serves counts as looked at", a_grid_that_still_serves_counts_as_looked_at},
     {"a grid is fitted to rows of all ages", a_grid_is_fitted_to_rows_of_all_ages},
     {"drifting rows are looked at before they are let go", drifting_rows_are_looked_at_before_they_are_let_go},
     {"all components outside are counted", all_components_outside_are_counted},
     {"what lies outside is shown by an index and kept in its file",
      what_lies_outside_is_shown_by_an_index_and_kept_in_its_file}}};

}  // namespace
}  // namespace nearfield::test
