#include "walk/metric.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "codes/codes.h"
#include "nearfield/error.h"
#include "simd/keys.h"
#include "threads.h"

namespace nearfield {
namespace {

int storage_row(Storage storage) {
  switch (storage) {
    case Storage::Float32:
    case Storage::CodesOnly:  // decoded
      return 0;
    case Storage::Float8:
      return 1;
    case Storage::E4M3:
      return 2;
    case Storage::Float16:
      return 3;
  }
  return 0;
}

int codes_row(Codes codes, Space space) {
  if (codes == Codes::Int4) return 2;
  return space == Space::InnerProduct ? 1 : 0;
}

// No branch inside, so the compiler can use vectors. NaN fails both comparisons.
bool all_within(const float* vector, std::size_t n, Range range) {
  bool good = true;
  for (std::size_t d = 0; d < n; ++d) good &= vector[d] >= range.lowest && vector[d] <= range.highest;
  return good;
}

// As integers, which every baseline compares four at a time: the exponent of infinity and NaN is all ones.
bool all_finite(const float* vector, std::size_t n) {
  std::uint32_t bad = 0;
  for (std::size_t d = 0; d < n; ++d) {
    bad |= (std::bit_cast<std::uint32_t>(vector[d]) & 0x7F800000u) == 0x7F800000u ? 1u : 0u;
  }
  return bad == 0;
}

std::string text_of(float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinity" : "-infinity";
  return std::to_string(value);
}

// What stands behind the signed codes of a query (ProductKernel): their sum.
void write_sum(unsigned char* codes, std::size_t n) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<std::int8_t>(codes[i]);
  std::memcpy(codes + n, &sum, sizeof sum);
}

[[noreturn]] void throw_unstorable(const float* vector, Range range, std::size_t row, const char* argument) {
  std::size_t column = 0;
  while (vector[column] >= range.lowest && vector[column] <= range.highest) ++column;
  const std::string where = std::string(argument) + " contains " + text_of(vector[column]) + " in row " +
                            std::to_string(row) + ", column " + std::to_string(column);
  const std::string which = " (argument `" + std::string(argument) + "`)";
  if (!std::isfinite(vector[column])) {
    throw NotFinite(where + " (as float32); every component must be a finite number" + which, row);
  }
  throw InvalidInput(where + "; this storage holds values from " + text_of(range.lowest) + " to " +
                     text_of(range.highest) + ": scale the vectors or use Float32" + which);
}

}  // namespace

Metric::Metric(const IndexConfig& config, const Level& simd_level)
    : space(config.space),
      storage(config.storage),
      dimensions(config.dimensions),
      padded(padded_dimensions(config.dimensions)),
      level(&simd_level),
      walks(&simd_level.floats->walks[storage_row(config.storage)][config.space == Space::Euclidean ? 0 : 1]),
      code_walks(config.codes == Codes::None ? nullptr : &simd_level.code_walks[codes_row(config.codes, config.space)]),
      number_walks(config.codes == Codes::None
                       ? nullptr
                       : &simd_level.floats->number_walks[codes_row(config.codes, config.space)]),
      product_walks(&simd_level.code_walks[codes_row(Codes::Int8, Space::InnerProduct)]),
      sketch_walks(&simd_level.code_walks[codes_row(Codes::Int4, Space::Euclidean)]),
      // Squared distances take alpha, and one minus a cosine is half of one. Inner products may be negative, where a
      // factor means nothing.
      alpha_percent(config.space == Space::InnerProduct ? 100 : 110),
      zeros_(config.space == Space::InnerProduct && config.codes != Codes::None ? padded : 0) {}

void Metric::normalize_into(const float* vector, float* unit) const {
  std::memcpy(unit, vector, dimensions * sizeof(float));
  std::fill(unit + dimensions, unit + padded, 0.0f);
  if (space != Space::Cosine) return;
  float squares = level->floats->dot(unit, unit, padded);
  // The square of a very long or very short vector leaves float32's range; a power of two brings it back
  // without changing a bit of the direction.
  if (!(squares > 0x1p-80f && squares < 0x1p80f)) {
    float largest = 0;
    for (std::size_t d = 0; d < dimensions; ++d) largest = std::max(largest, std::fabs(unit[d]));
    if (largest == 0) return;  // a zero vector stays one, at distance 1 from everything
    const int exponent = std::ilogb(largest);
    for (std::size_t d = 0; d < dimensions; ++d) unit[d] = std::scalbn(unit[d], -exponent);
    squares = level->floats->dot(unit, unit, padded);
  }
  const float norm = std::sqrt(squares);
  for (std::size_t d = 0; d < dimensions; ++d) unit[d] /= norm;
}

void Metric::prepare(const float* vector, float* query) const { normalize_into(vector, query); }

void Metric::scale_query(float* query) const {
  if (storage != Storage::Float8) return;
  for (std::size_t d = 0; d < dimensions; ++d) query[d] *= 127.0f;
}

void Metric::encode_codes(const Grid& grid, const float* vector, unsigned char* codes) const {
  const std::size_t n = grid.padded();
  if (space == Space::Cosine && grid.coded() >= kLeastForZero &&
      std::all_of(vector, vector + n, [](float x) { return x == 0; })) {
    return encode_zero(grid.codes, grid.coded(), codes);
  }
  if (grid.codes == Codes::Int8) {
    level->floats->encode(vector, grid.origin.data(), grid.inverse_step(), grid.lowest, grid.highest, n, codes);
  }
  // On a grid of 8 steps, then two to a byte: of 128 dimensions, those 64 apart.
  for (std::size_t begin = 0; grid.codes == Codes::Int4 && begin < n; begin += 128) {
    std::array<unsigned char, 128> nibbles{};  // 0 behind the last dimension
    level->floats->encode(vector + begin, grid.origin.data() + begin, grid.inverse_step() * 0.125f, 0.0f, 15.0f,
                          std::min<std::size_t>(128, n - begin), nibbles.data());
    unsigned char* bytes = codes + begin / 2;
    for (std::size_t i = 0; i < 64; ++i) bytes[i] = static_cast<unsigned char>(nibbles[i] | nibbles[i + 64] << 4);
  }
  if (space == Space::Cosine && is_zero_row(grid.codes, grid.coded(), codes))
    codes[0] ^= 1;  // any but the zero vector's
}

// As bytes on a scale of the vector's own, times the axes, which are bytes as well: whole numbers, the same at every
// level, and a few hundred cycles where floats would take thousands.
void Metric::project(const Projection& projection, const float* vector, unsigned char* bytes, float* projected) const {
  const float* center = projection.center.data();
  // As integers, which every baseline compares four at a time: of positive floats they sort alike.
  std::uint32_t bits = 0;
  for (std::size_t d = 0; d < padded; ++d) {
    bits = std::max(bits, std::bit_cast<std::uint32_t>(vector[d] - center[d]) & 0x7FFFFFFFu);
  }
  const float largest = std::min(std::bit_cast<float>(bits), 0x1p100f);
  const bool moves = largest > 0x1p-100f;
  const float inverse_step = moves ? 127.0f / largest : 0.0f;
  const float unit = moves ? largest / 127.0f * projection.axis_step : 0.0f;
  const std::size_t length = projection.axis_bytes();
  level->floats->encode(vector, center, inverse_step, -127.0f, 127.0f, padded, bytes);
  std::memset(bytes + padded, 0, length - padded);
  write_sum(bytes, length);
  auto* keys = reinterpret_cast<std::uint32_t*>(projected);
  product_walks->keys_of_all(bytes, reinterpret_cast<const unsigned char*>(projection.axes.data()), kSketchAxes, length,
                             keys);
  for (std::size_t a = 0; a < kSketchAxes; ++a) {
    projected[a] = static_cast<float>(static_cast<std::int32_t>(0x80000000u - keys[a])) * unit;
  }
}

float Metric::encode_query(const Grid& grid, const float* query, unsigned char* codes) const {
  const std::size_t n = grid.padded();
  const std::size_t bytes = query_code_bytes(grid.dimensions);
  std::memset(codes + n, 0, bytes - n);
  if (space != Space::InnerProduct) {
    const float held_off =
        level->floats->encode(query, grid.origin.data(), grid.inverse_step(), grid.lowest, grid.highest, n, codes);
    if (grid.codes == Codes::Int8) return held_off;
    std::uint32_t squares = 0;
    for (std::size_t i = 0; i < bytes; ++i) squares += std::uint32_t{codes[i]} * codes[i];
    std::memcpy(codes + bytes, &squares, sizeof squares);
    return held_off;
  }
  // A grid of its own: its length is no matter.
  float largest = 0;
  for (std::size_t d = 0; d < dimensions; ++d) largest = std::max(largest, std::fabs(query[d]));
  const float inverse_step = largest > 0x1p-100f ? 127.0f / largest : 0.0f;
  level->floats->encode(query, zeros_.data(), inverse_step, grid.lowest, grid.highest, padded, codes);
  write_sum(codes, code_bytes(Codes::Int8, dimensions));
  return 0;
}

void Metric::encode(const float* vector, float* unit, std::byte* row) const {
  normalize_into(vector, unit);
  encode_row(storage, unit, padded, row);
}

const float* Metric::held(const std::byte* row, float* buffer) const {
  if (element_bytes(storage) == sizeof(float)) return reinterpret_cast<const float*>(row);
  decode_row(storage, row, padded, buffer);
  return buffer;
}

void Metric::decode(const std::byte* row, float* vector) const { decode_row(storage, row, dimensions, vector); }

void Metric::distances(const WalkView& vectors, const float* query, const Slot* slots, std::size_t n,
                       float* out) const {
  static_assert(sizeof(float) == sizeof(std::uint32_t));
  auto* keys = reinterpret_cast<std::uint32_t*>(out);
  walks->keys(vectors, query, slots, n, keys);
  for (std::size_t i = 0; i < n; ++i) out[i] = distance_of(keys[i]);
}

void Metric::check_storable(const float* vectors, std::size_t rows, const char* argument,
                            std::size_t num_threads) const {
  constexpr std::size_t kChunk = 1024;  // rows
  const Range range = range_of(space == Space::Cosine ? Storage::Float32 : storage);
  std::atomic<std::size_t> first_bad{rows};
  parallel_for((rows + kChunk - 1) / kChunk, num_threads, [&](std::size_t, std::size_t chunk) {
    const std::size_t end = std::min(rows, (chunk + 1) * kChunk);
    for (std::size_t row = chunk * kChunk; row < end; ++row) {
      if (all_within(vectors + row * dimensions, dimensions, range)) continue;
      std::size_t known = first_bad.load(std::memory_order_relaxed);
      while (row < known && !first_bad.compare_exchange_weak(known, row, std::memory_order_relaxed)) {
      }
      break;
    }
  });
  const std::size_t row = first_bad.load();
  if (row < rows) throw_unstorable(vectors + row * dimensions, range, row, argument);
}

void Metric::check_finite(const float* vectors, std::size_t rows, const char* argument) const {
  for (std::size_t row = 0; row < rows; ++row) {
    const float* vector = vectors + row * dimensions;
    if (!all_finite(vector, dimensions)) throw_unstorable(vector, range_of(Storage::Float32), row, argument);
  }
}

}  // namespace nearfield
