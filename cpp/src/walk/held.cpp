#include "walk/held.h"

#include <algorithm>
#include <cmath>

#include "codes/codes.h"
#include "walk/beam.h"
#include "walk/filter.h"

namespace nearfield {
namespace {

constexpr std::size_t kTogether = Scratch::kDecodedRows;  // rows that are decoded, then compared

}  // namespace

bool decode_encoded(const Metric& metric, const Grid& grid, const unsigned char* codes, float* vector) {
  if (metric.space == Space::Cosine && is_zero_row(grid.codes, grid.coded(), codes)) {
    std::fill_n(vector, metric.padded, 0.0f);
    return false;
  }
  decode_grid(grid, codes, metric.padded, vector);
  return true;
}

void decode_codes(const Metric& metric, const Grid& grid, const unsigned char* codes, float* vector) {
  if (!decode_encoded(metric, grid, codes, vector)) return;
  if (!is_compared_rotated(metric, grid)) turn_back(grid, vector, metric.dimensions, metric.padded);
  if (metric.space != Space::Cosine) return;
  const float squares = metric.level->floats->dot(vector, vector, metric.padded);
  // Of few dimensions: a zero vector, as far as codes can tell. Others that are short were held at the edge.
  const bool zero_has_codes = grid.coded() >= kLeastForZero;
  if (!(squares > (zero_has_codes ? 0.0f : 0.25f))) return;
  const float norm = std::sqrt(squares);
  for (std::size_t d = 0; d < metric.padded; ++d) vector[d] /= norm;
}

void held_vector(const State& state, const Metric& metric, const CodePlane* codes, Slot slot, float* vector) {
  if (metric.storage != Storage::CodesOnly) {
    return decode_row(metric.storage, state.vectors.row(slot), metric.padded, vector);
  }
  decode_codes(metric, codes->grid, codes->rows.view().row(slot), vector);
  if (is_compared_rotated(metric, codes->grid)) turn_back(codes->grid, vector, metric.dimensions, metric.padded);
}

void decoded_keys(const Metric& metric, const Reading& reading, Scratch& scratch, const Slot* slots, std::size_t n,
                  std::uint32_t* keys) {
  static constexpr Slot kPlaces[kTogether] = {0, 1, 2, 3};
  float* vectors = scratch.decoded_rows(metric.padded);
  const auto base = reinterpret_cast<std::uintptr_t>(vectors);
  WalkView view;
  view.rows = {&base, metric.padded * sizeof(float)};
  for (std::size_t i = 0; i < n; i += kTogether) {
    const std::size_t rows = std::min(kTogether, n - i);
    for (std::size_t r = 0; r < rows; ++r) {
      decode_codes(metric, reading.codes->grid, reading.view.rows.row(slots[i + r]), vectors + r * metric.padded);
    }
    metric.walks->keys(view, scratch.query(), kPlaces, rows, keys + i);
  }
}

WalkResult scan_decoded(const Metric& metric, const Reading& reading, const SlotFilter* filter, std::size_t wanted,
                        Scratch& scratch) {
  const WalkView& view = reading.view;
  WalkScratch& walk = scratch.walk();
  Beam beam{walk.beam, wanted};
  beam.clear();
  for (std::size_t slot = 0; slot < view.count && !walk.damaged;) {
    Slot slots[kTogether];
    std::uint32_t keys[kTogether];
    std::size_t n = 0;
    for (; slot < view.count && n < kTogether; ++slot) {
      if (!may_return(view, filter, static_cast<Slot>(slot), walk)) continue;
      if (!touch(view, view.rows.row(slot), view.rows.stride, walk)) break;
      slots[n++] = static_cast<Slot>(slot);
    }
    decoded_keys(metric, reading, scratch, slots, n, keys);
    walk.num_distances += n;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t entry = make_entry(keys[i], slots[i]);
      if (entry < beam.bound()) beam.insert(entry);
    }
  }
  return {beam.entries, beam.size};
}

}  // namespace nearfield
