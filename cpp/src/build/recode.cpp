#include "build/recode.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
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

using Slots = std::span<const Slot>;

// body(begin, end) for parts of [0, rows).
template <class Body>
void for_rows(std::size_t rows, std::size_t num_threads, const Body& body) {
  parallel_for((rows + kRowsPerStep - 1) / kRowsPerStep, num_threads, [&](std::size_t, std::size_t step) {
    const std::size_t begin = step * kRowsPerStep;
    body(begin, std::min(begin + kRowsPerStep, rows));
  });
}

// Slots below the count that have none of some flags, ascending.
std::vector<Slot> slots_without(const State& state, std::uint8_t flags) {
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  std::vector<Slot> slots;
  slots.reserve(count);
  for (std::size_t slot = 0; slot < count; ++slot) {
    if ((flags_of(state, static_cast<Slot>(slot)) & flags) == 0) slots.push_back(static_cast<Slot>(slot));
  }
  return slots;
}

// The vectors of all slots before and while new codes are written: kept ones, and what is left of the others.
struct Vectors {
  const State& state;
  const Metric& metric;
  const CodePlane* codes;  // of the slots before

  // `padded` floats; may be in `buffer`.
  const float* row(std::size_t slot, float* buffer) const {
    if (state.keeps_vector(slot)) return metric.held(state.vector_row(slot), buffer);
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

Outside outside(const Vectors& vectors, const Grid& grid, Slots slots, std::size_t num_threads) {
  const Metric& metric = vectors.metric;
  std::atomic<std::uint64_t> sum{0};
  std::vector<unsigned char> is_outside(metric.space == Space::InnerProduct ? slots.size() : 0);
  for_rows(slots.size(), num_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> buffer(metric.padded), rotated(metric.padded);
    std::uint64_t found = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const float* vector = vectors.row(slots[i], buffer.data());
      const std::size_t of_row = count_outside(grid, as_encoded(grid, vector, metric.padded, rotated.data()));
      if (!is_outside.empty()) is_outside[i] = of_row > 0;
      found += of_row;
    }
    sum.fetch_add(found, std::memory_order_relaxed);
  });
  Outside all{sum.load(), {}};
  for (std::size_t i = 0; i < is_outside.size(); ++i) {
    if (is_outside[i] != 0) all.rows.push_back(slots[i]);
  }
  return all;
}

void encode_rows(const Vectors& vectors, CodePlane& codes, Slots slots, std::size_t num_threads) {
  const Metric& metric = vectors.metric;
  for_rows(slots.size(), num_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> buffer(metric.padded), rotated(metric.padded);
    std::vector<unsigned char> bytes(metric.projection_bytes());
    for (std::size_t i = begin; i < end; ++i) {
      const Slot slot = slots[i];
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

// The rows that a grid is for, those of the round the last; dead ones do not count.
struct Fitted {
  std::vector<Slot> slots;
  std::size_t num_old;  // the first of them, whose vectors are gone
};

Fitted fitted_rows(const State& state, Slots round) {
  Fitted fitted{slots_without(state, kDead | kFree), 0};
  if (!keeps_all_vectors(state.config.storage, state.count.load(std::memory_order_relaxed))) {
    const auto kept = std::stable_partition(fitted.slots.begin(), fitted.slots.end(),
                                            [&state](Slot slot) { return !state.keeps_vector(slot); });
    fitted.num_old = static_cast<std::size_t>(kept - fitted.slots.begin());
  }
  fitted.slots.insert(fitted.slots.end(), round.begin(), round.end());
  return fitted;
}

// To all of them; where many are only what codes stand for, to all that are kept and some of those.
Grid fit(const Vectors& vectors, const Fitted& fitted, std::size_t num_threads) {
  const Metric& metric = vectors.metric;
  const Codes codes = vectors.state.config.codes;
  std::vector<float> buffer(metric.padded);
  const std::size_t rows = fitted.slots.size();
  const std::size_t kept = rows - fitted.num_old;
  const std::size_t old = std::min(fitted.num_old, kMostSampled - std::min(kMostSampled, kept));
  const auto row = [&](std::size_t i) {
    const std::size_t at = fitted.num_old == 0 ? i : i < old ? i * fitted.num_old / old : fitted.num_old + (i - old);
    return vectors.row(fitted.slots[at], buffer.data());
  };
  return fit_grid(codes, metric.space, metric.dimensions, old + kept, row, num_threads);
}

// Of inner products none: the longest rows are the nearest, and they are few.
double share_of(const Grid& grid, double share) { return grid.lowest < 0 ? 0.0 : share; }

// Whether many more of the components of the `rows` of a round lie outside than the fit has left there, and the last
// fit was long enough ago: `since` rows, in an index of `live`.
bool has_drifted(const CodePlane& codes, std::uint64_t new_outside, std::size_t rows, std::uint64_t since,
                 std::size_t live, std::size_t dimensions, std::size_t most_between) {
  const double common = share_of(codes.grid, kDriftedShare) + 2 * codes.grid.share_outside;
  return (since * kLeastShare >= live || since >= most_between) &&
         static_cast<double>(new_outside) > common * static_cast<double>(rows * dimensions);
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

// still_serves, from all components or, where many vectors are gone, from those of the vectors that are kept.
bool is_good_still(const Vectors& vectors, const CodePlane& now, const Grid& grid, const Outside& added,
                   const Fitted& fitted, std::size_t num_threads) {
  const Slots rows = Slots(fitted.slots).subspan(fitted.num_old);
  const Census& census = vectors.state.census;
  const bool any_died = census.dead.load() + census.free.load() > 0;  // and was counted when it came
  const std::uint64_t num_outside = has_all_long_rows(vectors.metric, now, added) ? 0
                                    : fitted.num_old == 0 && !any_died
                                        ? now.num_outside + added.components
                                        : outside(vectors, now.grid, rows, num_threads).components;
  return still_serves(now.grid, grid, num_outside, rows.size() * vectors.metric.dimensions);
}

void append_long_rows(const Metric& metric, const Outside& added, CodePlane& codes) {
  if (metric.storage == Storage::CodesOnly) return;  // that holds no more of them than codes do
  for (const Slot slot : added.rows) codes.long_rows.append(slot);
}

std::optional<Sketch> sketch_for(const Vectors& vectors, const Grid& grid, const Fitted& fitted,
                                 std::size_t num_threads) {
  if (fitted.slots.size() < kRowsForSketch || !may_sketch(vectors.state.config)) return std::nullopt;
  const CodePlane* now = vectors.codes;
  const HeldRows held{fitted.slots.size(),
                      [&](std::size_t i, float* buffer) { return vectors.row(fitted.slots[i], buffer); }};
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

void RoundCodes::write(const Metric& metric, Slots round, std::size_t num_threads) {
  State& state = state_;
  CodePlane* now = state.code_plane.get();
  const Vectors vectors{state, metric, now};
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  const std::size_t slots = std::max<std::size_t>(count, std::size_t{round.back()} + 1);
  const std::uint64_t published = state.published.load(std::memory_order_relaxed);
  const std::uint64_t since = published - num_fitted_;
  const std::size_t died = state.census.dead.load() + state.census.free.load();
  const std::size_t live = count - died;
  const bool all_kept = keeps_all_vectors(state.config.storage, count);
  const bool doubled = all_kept && std::bit_width(published) != std::bit_width(published + round.size());
  const bool turned_over = all_kept && died > 0 && since >= live;
  const std::size_t most_between = all_kept ? ~std::size_t{0} : kRecentRows / 2;  // or drifted rows would be let go
  const Outside added = now == nullptr ? Outside{} : outside(vectors, now->grid, round, num_threads);
  const auto drifted = [&] {
    return !has_all_long_rows(metric, *now, added) &&
           has_drifted(*now, added.components, round.size(), since, live, metric.dimensions, most_between);
  };
  if (now == nullptr || doubled || turned_over || drifted()) {
    const Fitted fitted = fitted_rows(state, round);
    Grid grid = fit(vectors, fitted, num_threads);
    const bool keeps_grid = now != nullptr && is_good_still(vectors, *now, grid, added, fitted, num_threads);
    if (keeps_grid) {
      grid = now->grid;
    } else if (!all_kept && grid.step > now->grid.step) {
      widen(grid, std::max(grid.step, kWidening * now->grid.step));
    }
    std::optional<Sketch> sketch = sketch_for(vectors, grid, fitted, num_threads);
    if (keeps_grid && sketch == now->sketch) {
      now->num_fitted = published;  // looked at now
    } else {
      state.graph.kept.wait_for_end();  // a save holds the codes that it began with
      auto plane = std::make_unique<CodePlane>(std::move(grid), std::move(sketch));
      grow(*plane, slots);
      plane->num_fitted = published;
      const std::size_t num_old = fitted.slots.size() - round.size();
      const Outside old = outside(vectors, plane->grid, Slots(fitted.slots).first(num_old), num_threads);
      const Outside with_grid = outside(vectors, plane->grid, round, num_threads);
      plane->num_outside = old.components;
      num_outside_ = with_grid.components;
      append_long_rows(metric, old, *plane);
      append_long_rows(metric, with_grid, *plane);
      encode_rows(vectors, *plane, slots_without(state, kFree), num_threads);
      encode_rows(vectors, *plane, round, num_threads);
      return swap_in(std::move(plane));
    }
  }
  num_outside_ = added.components;
  append_long_rows(metric, added, *now);
  grow(*now, slots);
  encode_rows(vectors, *now, round, num_threads);
}

void recount_outside(State& state, const Metric& metric, std::size_t num_threads) {
  CodePlane* plane = state.code_plane.get();
  if (plane == nullptr || metric.storage == Storage::CodesOnly) return;
  const Outside all = outside({state, metric, plane}, plane->grid, slots_without(state, kDead | kFree), num_threads);
  plane->num_outside = all.components;
  plane->long_rows.cut(0);
  append_long_rows(metric, all, *plane);
}

bool lets_vectors_go(const State& state, std::size_t last) {
  return state.config.storage == Storage::CodesOnly && state.count.load(std::memory_order_relaxed) < kFewSlots &&
         last >= kFewSlots;
}

void copy_recent(const State& state, std::size_t last, std::uint64_t published, Plane& recent) {
  static_assert(kFewSlots % kRoundRows == 0 && kRecentRows == 2 * kRoundRows, "a round lies on one side of the change");
  recent.grow(kRecentRows);
  for (std::size_t slot = 0; slot < last; ++slot) {
    const std::uint64_t number = state.number_of(slot);
    if (number < first_recent(published)) continue;
    std::memcpy(recent.row(number % kRecentRows), state.vector_row(slot), recent.row_bytes());
  }
}

void free_retired_codes(State& state, const ScratchPool& pool) {
  std::erase_if(state.retired_codes, [&pool](const RetiredCodes& codes) { return pool.has_left(codes.epoch); });
}

}  // namespace nearfield
