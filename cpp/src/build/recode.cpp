#include "build/recode.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "build/round.h"
#include "build/sketches.h"
#include "threads.h"
#include "walk/held.h"

namespace nearfield {
namespace {

constexpr std::size_t kRowsPerStep = 256;  // of a parallel loop
// Fitting and writing all codes costs a hundredth of linking as many rows; after so many it is noise.
constexpr std::size_t kLeastShare = 64;
// Share of new components outside, beyond twice what the fit left there, at which the grid is looked at again; and
// share of all, beyond one and a half times that, with which it is kept, unless its steps are so much wider than need
// be.
constexpr double kDriftedShare = 1e-3;
constexpr double kKeptShare = 2e-4;
constexpr float kKeptSteps = 1.25f;
// Where old vectors are gone, each new grid rounds their codes once more: it widens by so much at least. By 1.5, twice
// as much recall was lost where the range grows, a half less where it moves (ARCHITECTURE.md, known weaknesses).
constexpr float kWidening = 2.0f;

template <class Body>
void for_rows(std::size_t first, std::size_t last, std::size_t num_threads, const Body& body) {
  parallel_for((last - first + kRowsPerStep - 1) / kRowsPerStep, num_threads, [&](std::size_t, std::size_t step) {
    const std::size_t begin = first + step * kRowsPerStep;
    const std::size_t end = begin + kRowsPerStep < last ? begin + kRowsPerStep : last;
    body(begin, end);
  });
}

// The vectors of all slots before and while new codes are written: kept ones, and what is left of the others.
struct Vectors {
  const State& state;
  const Metric& metric;
  const CodePlane* codes;  // of the slots before
  std::size_t first_kept;

  // `padded` floats; may be in `buffer`.
  const float* row(std::size_t slot, float* buffer) const {
    if (slot >= first_kept) return metric.held(state.vector_row(slot), buffer);
    if (decode_encoded(metric, codes->grid, codes->rows.view().row(slot), buffer)) {
      turn_back(codes->grid, buffer, metric.dimensions, metric.padded);
    }
    return buffer;
  }
};

// What of some slots lies outside of a grid.
struct Outside {
  std::uint64_t components = 0;
  std::vector<Slot> rows;  // of inner products
};

Outside outside(const Vectors& vectors, const Grid& grid, std::size_t first, std::size_t last,
                std::size_t num_threads) {
  const Metric& metric = vectors.metric;
  std::atomic<std::uint64_t> sum{0};
  std::vector<unsigned char> is_outside(metric.space == Space::InnerProduct ? last - first : 0);
  for_rows(first, last, num_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> buffer(metric.padded), rotated(metric.padded);
    std::uint64_t found = 0;
    for (std::size_t slot = begin; slot < end; ++slot) {
      const float* vector = vectors.row(slot, buffer.data());
      const std::size_t of_row = count_outside(grid, as_encoded(grid, vector, metric.padded, rotated.data()));
      if (!is_outside.empty()) is_outside[slot - first] = of_row > 0;
      found += of_row;
    }
    sum.fetch_add(found, std::memory_order_relaxed);
  });
  Outside all{sum.load(), {}};
  for (std::size_t i = 0; i < is_outside.size(); ++i) {
    if (is_outside[i] != 0) all.rows.push_back(static_cast<Slot>(first + i));
  }
  return all;
}

void encode_rows(const Vectors& vectors, CodePlane& codes, std::size_t first, std::size_t last,
                 std::size_t num_threads) {
  const Metric& metric = vectors.metric;
  for_rows(first, last, num_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> buffer(metric.padded), rotated(metric.padded);
    std::vector<unsigned char> bytes(metric.projection_bytes());
    for (std::size_t slot = begin; slot < end; ++slot) {
      const float* vector = vectors.row(slot, buffer.data());
      if (codes.sketch) {
        write_sketch(metric, *codes.sketch, vector, bytes.data(),
                     reinterpret_cast<unsigned char*>(codes.sketches.row(slot)));
      }
      metric.encode_codes(codes.grid, as_encoded(codes.grid, vector, metric.padded, rotated.data()),
                          reinterpret_cast<unsigned char*>(codes.rows.row(slot)));
    }
  });
}

// To all of them; where most are only what codes stand for, to all that are kept and some of those.
Grid fit(const Vectors& vectors, std::size_t last, std::size_t num_threads) {
  const Metric& metric = vectors.metric;
  const Codes codes = vectors.state.config.codes;
  std::vector<float> buffer(metric.padded);
  const auto row = [&](std::size_t slot) { return vectors.row(slot, buffer.data()); };
  if (vectors.first_kept == 0) return fit_grid(codes, metric.space, metric.dimensions, last, row, num_threads);
  const std::size_t old = kMostSampled - (last - vectors.first_kept);
  const auto some = [&](std::size_t i) {
    return row(i < old ? i * vectors.first_kept / old : vectors.first_kept + (i - old));
  };
  return fit_grid(codes, metric.space, metric.dimensions, kMostSampled, some, num_threads);
}

// Of inner products none: the longest rows are the nearest, and they are few.
double share_of(const Grid& grid, double share) { return grid.lowest < 0 ? 0.0 : share; }

// Whether many more of the components of new slots [first, last) lie outside than the fit has left there, and the last
// fit was long enough ago.
bool has_drifted(const CodePlane& codes, std::uint64_t new_outside, std::size_t first, std::size_t last,
                 std::size_t dimensions, std::size_t most_between) {
  const double common = share_of(codes.grid, kDriftedShare) + 2 * codes.grid.share_outside;
  const std::size_t since = first - codes.num_fitted;
  return (since * kLeastShare >= first || since >= most_between) &&
         static_cast<double>(new_outside) > common * static_cast<double>((last - first) * dimensions);
}

// Whether the present grid is about as good as one that is fitted now.
bool still_serves(const Grid& present, const Grid& fitted, std::uint64_t num_outside, std::size_t components) {
  const double common = share_of(present, kKeptShare) + 1.5 * present.share_outside;
  return present.rotated == fitted.rotated && present.step <= kKeptSteps * fitted.step &&
         static_cast<double>(num_outside) <= common * static_cast<double>(components);
}

// Whether queries compare all rows outside of the present grid by their vectors, the new ones included: none of them is
// lost, and there is no drift yet.
bool has_all_long_rows(const Metric& metric, const CodePlane& now, const Outside& added) {
  return metric.space == Space::InnerProduct && metric.storage != Storage::CodesOnly &&
         now.long_rows.has_room(added.rows.size());
}

// still_serves, from all components or, where most vectors are gone, from those of the vectors that are kept.
bool is_good_still(const Vectors& vectors, const CodePlane& now, const Grid& fitted, const Outside& added,
                   std::size_t last, std::size_t num_threads) {
  const std::size_t dimensions = vectors.metric.dimensions;
  const std::size_t first = vectors.first_kept;
  const std::uint64_t num_outside = has_all_long_rows(vectors.metric, now, added) ? 0
                                    : first == 0                                  ? now.num_outside + added.components
                                                 : outside(vectors, now.grid, first, last, num_threads).components;
  return still_serves(now.grid, fitted, num_outside, (last - first) * dimensions);
}

void append_long_rows(const Metric& metric, const Outside& added, CodePlane& codes) {
  if (metric.storage == Storage::CodesOnly) return;  // that holds no more of them than codes do
  for (const Slot slot : added.rows) codes.long_rows.append(slot);
}

std::optional<Sketch> sketch_for(const Vectors& vectors, const Grid& grid, std::size_t last, std::size_t num_threads) {
  if (last < kRowsForSketch || !may_sketch(vectors.state.config)) return std::nullopt;
  const CodePlane* now = vectors.codes;
  const HeldRows held{last, [&vectors](std::size_t slot, float* buffer) { return vectors.row(slot, buffer); }};
  return choose_sketch(vectors.metric, grid, now != nullptr ? now->sketch_or_null() : nullptr, held, num_threads);
}

void grow(CodePlane& codes, std::size_t rows) {
  codes.rows.grow(rows);
  if (codes.sketch) codes.sketches.grow(rows);
}

}  // namespace

RoundCodes::RoundCodes(State& state, ScratchPool& pool)
    : state_(state),
      pool_(pool),
      num_fitted_(state.code_plane ? state.code_plane->num_fitted : 0),
      num_long_(state.code_plane ? state.code_plane->long_rows.wanted() : 0) {
  free_retired_codes(state, pool);  // those whose readers have left by now
  state.retired_codes.reserve(state.retired_codes.size() + 1);
}

void RoundCodes::swap_in(std::unique_ptr<CodePlane> codes) {
  state_.codes.store(codes.get());
  before_ = std::exchange(state_.code_plane, std::move(codes));
  replaces_ = true;
}

void RoundCodes::retire(std::unique_ptr<CodePlane> codes) {
  if (codes != nullptr) state_.retired_codes.push_back({pool_.advance(), std::move(codes)});
}

void RoundCodes::keep() {
  if (state_.code_plane) state_.code_plane->num_outside += num_outside_;
  retire(std::move(before_));
  is_kept_ = true;
}

RoundCodes::~RoundCodes() {
  if (is_kept_) return;
  if (replaces_) {
    state_.codes.store(before_.get());
    retire(std::exchange(state_.code_plane, std::move(before_)));
  }
  if (state_.code_plane) {
    state_.code_plane->num_fitted = num_fitted_;
    state_.code_plane->long_rows.cut(num_long_);
  }
}

void RoundCodes::write(const Metric& metric, std::size_t first, std::size_t last, std::size_t num_threads) {
  State& state = state_;
  CodePlane* now = state.code_plane.get();
  const Vectors vectors{state, metric, now, first_vector(state.config.storage, first)};
  const bool all_kept = vectors.first_kept == 0;
  const bool doubled = all_kept && std::bit_width(first) != std::bit_width(last);
  const std::size_t most_between = all_kept ? ~std::size_t{0} : kRecentSlots / 2;  // or drifted rows would be let go
  const Outside added = now == nullptr ? Outside{} : outside(vectors, now->grid, first, last, num_threads);
  const auto drifted = [&] {
    return !has_all_long_rows(metric, *now, added) &&
           has_drifted(*now, added.components, first, last, metric.dimensions, most_between);
  };
  if (now == nullptr || doubled || drifted()) {
    Grid grid = fit(vectors, last, num_threads);
    const bool keeps_grid = now != nullptr && is_good_still(vectors, *now, grid, added, last, num_threads);
    if (keeps_grid) {
      grid = now->grid;
    } else if (!all_kept && grid.step > now->grid.step) {
      widen(grid, std::max(grid.step, kWidening * now->grid.step));
    }
    std::optional<Sketch> sketch = sketch_for(vectors, grid, last, num_threads);
    if (keeps_grid && sketch == now->sketch) {
      now->num_fitted = first;  // looked at now
    } else {
      auto fitted = std::make_unique<CodePlane>(std::move(grid), std::move(sketch));
      grow(*fitted, last);
      fitted->num_fitted = first;
      const Outside old = outside(vectors, fitted->grid, 0, first, num_threads);
      const Outside with_grid = outside(vectors, fitted->grid, first, last, num_threads);
      fitted->num_outside = old.components;
      num_outside_ = with_grid.components;
      append_long_rows(metric, old, *fitted);
      append_long_rows(metric, with_grid, *fitted);
      encode_rows(vectors, *fitted, 0, last, num_threads);
      return swap_in(std::move(fitted));
    }
  }
  num_outside_ = added.components;
  append_long_rows(metric, added, *now);
  grow(*now, last);
  encode_rows(vectors, *now, first, last, num_threads);
}

bool lets_vectors_go(const State& state, std::size_t last) {
  return state.config.storage == Storage::CodesOnly && state.count.load(std::memory_order_relaxed) < kFewSlots &&
         last >= kFewSlots;
}

void copy_recent(const State& state, std::size_t last, Plane& recent) {
  static_assert(kFewSlots % kRoundRows == 0 && kRecentSlots == 2 * kRoundRows,
                "a round lies on one side of the change");
  recent.grow(kRecentSlots);
  for (std::size_t slot = first_vector(state.config.storage, last); slot < last; ++slot) {
    std::memcpy(recent.row(vector_place(state.config.storage, last, slot)), state.vector_row(slot), recent.row_bytes());
  }
}

void free_retired_codes(State& state, const ScratchPool& pool) {
  std::erase_if(state.retired_codes, [&pool](const RetiredCodes& codes) { return pool.has_left(codes.epoch); });
}

}  // namespace nearfield
