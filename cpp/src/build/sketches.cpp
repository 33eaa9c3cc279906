#include "build/sketches.h"

#include <algorithm>
#include <array>
#include <vector>

#include "threads.h"

namespace nearfield {
namespace {

// With 3 cache lines (384-d text) queries took 10 % longer with sketches, with 6 and more they take up to 25 % less
// (ARCHITECTURE.md, decisions).
constexpr std::size_t kLeastCodeBytes = 6 * 64;
// Axes are found on a matrix of dimensions by dimensions: 64 MiB here, and 16 GiB at 65,535.
constexpr std::size_t kMostDimensions = 4096;
constexpr std::size_t kFitted = 2048;  // rows that the axes and the grid are fitted to
constexpr std::size_t kTested = 2048;  // and others, that are compared with one another
constexpr std::size_t kQueries = 256;  // of these
static_assert(kFitted + kTested <= kRowsForSketch, "no row is fitted to and tested");
// What is measured: the kMet nearest of a query by codes stand for the rows that a walk meets, the kNear nearest for
// those that it must not lose.
constexpr std::size_t kNear = 10;
constexpr std::size_t kMet = 200;
constexpr double kLeftOutWrongly = 0.002;  // of the nearest
constexpr double kMostPassed = 0.5;  // of those that are met; with more, reading two rows costs more than it saves
// A sketch stays while its factor leaves out no more than so much wrongly, and no more pass than that.
constexpr double kStillLeftOut = 0.01;
constexpr double kStillPassed = 1.25;

// The tested rows, encoded in every way.
struct Encoded {
  std::size_t row_bytes;
  std::vector<unsigned char> rows, sketches;
  std::vector<std::vector<unsigned char>> queries, sketch_queries;
};

Encoded encode(const Metric& metric, const Grid& grid, const Sketch& sketch, const HeldRows& held) {
  Encoded out{code_bytes(grid.codes, grid.dimensions), {}, {}, {}, {}};
  out.rows.resize(kTested * out.row_bytes);
  out.sketches.resize(kTested * kSketchBytes);
  std::vector<float> buffer(metric.padded), changed(metric.padded), projected(kSketchAxes);
  std::vector<unsigned char> bytes(metric.projection_bytes());
  for (std::size_t i = 0; i < kTested; ++i) {
    const float* vector = held.row((2 * i + 1) * held.rows / (2 * kTested), buffer.data());
    const float* encoded = as_encoded(grid, vector, metric.padded, changed.data());
    metric.encode_codes(grid, encoded, out.rows.data() + i * out.row_bytes);
    write_sketch(metric, sketch, vector, bytes.data(), out.sketches.data() + i * kSketchBytes);
    if (i % (kTested / kQueries) != 0) continue;
    out.queries.emplace_back(query_code_bytes(grid.dimensions) + 4);
    metric.encode_query(grid, encoded, out.queries.back().data());
    out.sketch_queries.emplace_back(kSketchQueryBytes);
    metric.project(sketch.projection, vector, bytes.data(), projected.data());
    metric.encode_query(sketch.grid, projected.data(), out.sketch_queries.back().data());
  }
  return out;
}

// Both keys of a row that a walk meets.
struct Met {
  std::uint32_t by_codes, by_sketches;
};

// Of each query the kMet nearest others by codes, nearest first.
std::vector<std::array<Met, kMet>> meet(const Metric& metric, const Encoded& encoded, std::size_t num_threads) {
  std::vector<std::array<Met, kMet>> met(kQueries);
  parallel_for(kQueries, num_threads, [&](std::size_t, std::size_t q) {
    std::vector<std::uint32_t> keys(kTested), sketch_keys(kTested);
    metric.code_walks->keys_of_all(encoded.queries[q].data(), encoded.rows.data(), kTested, encoded.row_bytes,
                                   keys.data());
    metric.sketch_walks->keys_of_all(encoded.sketch_queries[q].data(), encoded.sketches.data(), kTested, kSketchBytes,
                                     sketch_keys.data());
    std::vector<Met> all;
    for (std::size_t i = 0; i < kTested; ++i) {
      if (i != q * (kTested / kQueries)) all.push_back({keys[i], sketch_keys[i]});
    }
    std::partial_sort(all.begin(), all.begin() + kMet, all.end(), [](const Met& a, const Met& b) {
      return a.by_codes < b.by_codes || (a.by_codes == b.by_codes && a.by_sketches < b.by_sketches);
    });
    std::copy_n(all.begin(), kMet, met[q].begin());
  });
  return met;
}

// By sketches to by codes, of the nearest: ascending.
std::vector<double> ratios_of(const std::vector<std::array<Met, kMet>>& met) {
  std::vector<double> ratios;
  for (const auto& rows : met) {
    for (std::size_t i = 0; i < kNear; ++i) {
      if (rows[i].by_codes > 0) ratios.push_back(static_cast<double>(rows[i].by_sketches) / rows[i].by_codes);
    }
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios;
}

double share_passed(const std::vector<std::array<Met, kMet>>& met, double factor) {
  std::size_t passed = 0;
  for (const auto& rows : met) {
    const double most = factor * rows[kNear - 1].by_codes;
    for (const Met& row : rows) passed += row.by_sketches <= most;
  }
  return static_cast<double>(passed) / static_cast<double>(met.size() * kMet);
}

bool still_serves(const Sketch& sketch, const std::vector<std::array<Met, kMet>>& met) {
  const std::vector<double> ratios = ratios_of(met);
  const auto above = ratios.end() - std::upper_bound(ratios.begin(), ratios.end(), static_cast<double>(sketch.factor));
  return static_cast<double>(above) <= kStillLeftOut * static_cast<double>(ratios.size()) &&
         share_passed(met, sketch.factor) <= kStillPassed * sketch.share_passed;
}

}  // namespace

bool may_sketch(const IndexConfig& config) {
  return config.codes == Codes::Int4 && config.storage != Storage::CodesOnly &&
         code_bytes(config.codes, config.dimensions) >= kLeastCodeBytes && config.dimensions <= kMostDimensions;
}

std::optional<Sketch> choose_sketch(const Metric& metric, const Grid& grid, const Sketch* present, const HeldRows& held,
                                    std::size_t num_threads) {
  if (present != nullptr && still_serves(*present, meet(metric, encode(metric, grid, *present, held), num_threads))) {
    return *present;
  }
  std::vector<float> buffer(metric.padded), projected(kSketchAxes);
  std::vector<unsigned char> bytes(metric.projection_bytes());
  const auto fitted_row = [&](std::size_t i) { return held.row(i * held.rows / kFitted, buffer.data()); };
  std::optional<Projection> projection =
      fit_projection({kFitted, metric.dimensions, metric.padded, fitted_row, metric.level->floats->dot, num_threads});
  if (!projection) return std::nullopt;
  Sketch sketch{std::move(*projection), {}, 1, 1};
  sketch.grid = fit_grid(
      Codes::Int4, Space::Euclidean, kSketchAxes, kFitted,
      [&](std::size_t i) {
        metric.project(sketch.projection, fitted_row(i), bytes.data(), projected.data());
        return static_cast<const float*>(projected.data());
      },
      num_threads, false);
  const std::vector<std::array<Met, kMet>> met = meet(metric, encode(metric, grid, sketch, held), num_threads);
  const std::vector<double> ratios = ratios_of(met);
  if (ratios.empty()) return std::nullopt;
  const auto allowed = static_cast<std::size_t>(kLeftOutWrongly * static_cast<double>(ratios.size()));
  sketch.factor = static_cast<float>(ratios[ratios.size() - 1 - allowed]);
  sketch.share_passed = static_cast<float>(share_passed(met, static_cast<double>(sketch.factor)));
  if (!(sketch.share_passed <= kMostPassed)) return std::nullopt;
  return sketch;
}

void write_sketch(const Metric& metric, const Sketch& sketch, const float* vector, unsigned char* bytes,
                  unsigned char* row) {
  std::array<float, kSketchAxes> projected;
  metric.project(sketch.projection, vector, bytes, projected.data());
  metric.encode_codes(sketch.grid, projected.data(), row);
}

}  // namespace nearfield
