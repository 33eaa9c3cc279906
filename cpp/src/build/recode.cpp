#include "build/recode.h"

#include <atomic>
#include <bit>
#include <memory>
#include <utility>
#include <vector>

#include "threads.h"

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

template <class Body>
void for_rows(std::size_t first, std::size_t last, std::size_t num_threads, const Body& body) {
  parallel_for((last - first + kRowsPerStep - 1) / kRowsPerStep, num_threads, [&](std::size_t, std::size_t step) {
    const std::size_t begin = first + step * kRowsPerStep;
    const std::size_t end = begin + kRowsPerStep < last ? begin + kRowsPerStep : last;
    body(begin, end);
  });
}

std::uint64_t outside(const State& state, const Metric& metric, const Grid& grid, std::size_t first, std::size_t last,
                      std::size_t num_threads) {
  std::atomic<std::uint64_t> sum{0};
  for_rows(first, last, num_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> buffer(metric.padded), rotated(metric.padded);
    std::uint64_t found = 0;
    for (std::size_t slot = begin; slot < end; ++slot) {
      const float* vector = metric.held(state.vectors.row(slot), buffer.data());
      found += count_outside(grid, as_encoded(grid, vector, metric.padded, rotated.data()), metric.dimensions);
    }
    sum.fetch_add(found, std::memory_order_relaxed);
  });
  return sum.load();
}

void encode_rows(const State& state, const Metric& metric, CodePlane& codes, std::size_t first, std::size_t last,
                 std::size_t num_threads) {
  for_rows(first, last, num_threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> buffer(metric.padded), rotated(metric.padded);
    for (std::size_t slot = begin; slot < end; ++slot) {
      const float* vector = metric.held(state.vectors.row(slot), buffer.data());
      metric.encode_codes(codes.grid, as_encoded(codes.grid, vector, metric.padded, rotated.data()),
                          reinterpret_cast<unsigned char*>(codes.rows.row(slot)));
    }
  });
}

// Whether many more of the components of new slots [first, last) lie outside than the fit has left there.
bool has_drifted(const CodePlane& codes, std::uint64_t new_outside, std::size_t first, std::size_t last,
                 std::size_t dimensions) {
  const double common = kDriftedShare + 2 * codes.grid.share_outside;
  return (first - codes.num_fitted) * kLeastShare >= first &&
         static_cast<double>(new_outside) > common * static_cast<double>((last - first) * dimensions);
}

// Whether the present grid is about as good as one that is fitted now.
bool still_serves(const Grid& present, const Grid& fitted, std::uint64_t num_outside, std::size_t components) {
  const double common = kKeptShare + 1.5 * present.share_outside;
  return present.rotated == fitted.rotated && present.step <= kKeptSteps * fitted.step &&
         static_cast<double>(num_outside) <= common * static_cast<double>(components);
}

void publish(State& state, ScratchPool& pool, std::unique_ptr<CodePlane> codes) {
  state.retired_codes.reserve(state.retired_codes.size() + 1);
  state.codes.store(codes.get());
  std::swap(state.code_plane, codes);
  if (codes != nullptr) state.retired_codes.push_back({pool.advance(), std::move(codes)});
  free_retired_codes(state, pool);
}

}  // namespace

std::uint64_t keep_codes(State& state, const Metric& metric, ScratchPool& pool, std::size_t first, std::size_t last,
                         std::size_t num_threads) {
  free_retired_codes(state, pool);  // those whose readers have left by now
  CodePlane* now = state.code_plane.get();
  std::uint64_t new_outside = now == nullptr ? 0 : outside(state, metric, now->grid, first, last, num_threads);
  if (now == nullptr || std::bit_width(first) != std::bit_width(last) ||
      has_drifted(*now, new_outside, first, last, metric.dimensions)) {
    std::vector<float> buffer(metric.padded);
    Grid grid = fit_grid(state.config.codes, metric.space, metric.dimensions, metric.padded, last,
                         [&](std::size_t slot) { return metric.held(state.vectors.row(slot), buffer.data()); });
    if (now != nullptr && still_serves(now->grid, grid, now->num_outside + new_outside, last * metric.dimensions)) {
      now->num_fitted = first;  // looked at now
    } else {
      auto fitted = std::make_unique<CodePlane>(std::move(grid), metric.dimensions);
      fitted->rows.grow(last);
      fitted->num_fitted = first;
      fitted->num_outside = outside(state, metric, fitted->grid, 0, first, num_threads);
      new_outside = outside(state, metric, fitted->grid, first, last, num_threads);
      encode_rows(state, metric, *fitted, 0, last, num_threads);
      publish(state, pool, std::move(fitted));
      return new_outside;
    }
  }
  now->rows.grow(last);
  encode_rows(state, metric, *now, first, last, num_threads);
  return new_outside;
}

void free_retired_codes(State& state, const ScratchPool& pool) {
  std::erase_if(state.retired_codes, [&pool](const RetiredCodes& codes) { return pool.has_left(codes.epoch); });
}

}  // namespace nearfield
