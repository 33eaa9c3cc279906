#include "walk/metric.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "codes/codes.h"

namespace nearfield {
namespace {

int storage_row(Storage storage) {
  switch (storage) {
    case Storage::Float32: return 0;
    case Storage::Float8: return 1;
    case Storage::E4M3: return 2;
  }
  return 0;
}

}  // namespace

Metric::Metric(const IndexConfig& config, const Level& simd_level)
    : space(config.space),
      storage(config.storage),
      dimensions(config.dimensions),
      padded(padded_dimensions(config.dimensions)),
      level(&simd_level),
      walks(&simd_level.walks[storage_row(config.storage)][config.space == Space::Euclidean ? 0 : 1]),
      fill(config.space == Space::InnerProduct) {}

void Metric::normalize_into(const float* vector, float* unit) const {
  std::memcpy(unit, vector, dimensions * sizeof(float));
  std::fill(unit + dimensions, unit + padded, 0.0f);
  if (space != Space::Cosine) return;
  // The square of a very long or very short vector leaves float32's range; a power of two brings it back
  // without changing a bit of the direction.
  float largest = 0;
  for (std::size_t d = 0; d < dimensions; ++d) largest = std::max(largest, std::fabs(unit[d]));
  if (largest == 0) return;  // a zero vector stays one, at distance 1 from everything
  if (largest > 0x1p50f || largest < 0x1p-50f) {
    const int exponent = std::ilogb(largest);
    for (std::size_t d = 0; d < dimensions; ++d) unit[d] = std::scalbn(unit[d], -exponent);
  }
  const float norm = std::sqrt(level->dot(unit, unit, padded));
  for (std::size_t d = 0; d < dimensions; ++d) unit[d] /= norm;
}

void Metric::prepare(const float* vector, float* query) const {
  normalize_into(vector, query);
  if (storage != Storage::Float8) return;
  for (std::size_t d = 0; d < dimensions; ++d) query[d] *= 127.0f;
}

void Metric::encode(const float* vector, float* unit, std::byte* row) const {
  normalize_into(vector, unit);
  encode_row(storage, unit, padded, row);
}

void Metric::decode(const std::byte* row, float* vector) const { decode_row(storage, row, dimensions, vector); }

const float* Metric::query_of(const std::byte* row, float* buffer) const {
  if (storage == Storage::Float32) return reinterpret_cast<const float*>(row);
  decode_row(storage, row, padded, buffer);
  if (storage == Storage::Float8) {
    for (std::size_t d = 0; d < padded; ++d) buffer[d] = static_cast<float>(static_cast<std::int8_t>(row[d]));
  }
  return buffer;
}

std::size_t Metric::first_unstorable(const float* vector) const {
  const Range range = space == Space::Cosine ? range_of(Storage::Float32) : range_of(storage);
  for (std::size_t d = 0; d < dimensions; ++d) {
    if (!(vector[d] >= range.lowest && vector[d] <= range.highest)) return d;
  }
  return dimensions;
}

}  // namespace nearfield
