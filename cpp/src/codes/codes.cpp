#include "codes/codes.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace nearfield {
namespace {

constexpr std::array<float, 128> make_magnitudes() {
  std::array<float, 128> values{};
  for (unsigned i = 0; i < 128; ++i) {  // i = e * 8 + m, so that values ascend
    const unsigned e = i >> 3;
    const unsigned m = i & 7;
    float value = e == 0 ? static_cast<float>(m) * 0x1p-10f : (1.0f + static_cast<float>(m) / 8.0f) * 0x1p-7f;
    for (unsigned doublings = 0; doublings < e; ++doublings) value *= 2.0f;
    values[i] = value;
  }
  values[127] = std::numeric_limits<float>::quiet_NaN();
  return values;
}
constexpr std::array<float, 128> kMagnitudes = make_magnitudes();
constexpr unsigned kLargest = 126;  // 448

std::int8_t encode_float8(float value) {
  const float scaled = std::nearbyintf(value * 127.0f);  // ties to even, the default rounding
  return static_cast<std::int8_t>(scaled < -128.0f ? -128.0f : scaled > 127.0f ? 127.0f : scaled);
}

}  // namespace

Range range_of(Storage storage) {
  switch (storage) {
    case Storage::Float8:
      return {-128.0f / 127.0f, 1.0f};
    case Storage::E4M3:
      return {-448.0f, 448.0f};
    case Storage::Float16:
      return {-65504.0f, 65504.0f};
    case Storage::Float32:
    case Storage::CodesOnly:
      break;
  }
  return {std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max()};
}

std::uint8_t encode_e4m3(float value) {
  const float magnitude = std::fabs(value);
  unsigned low = 0;  // the last table value at or below the magnitude
  for (unsigned step = 64; step > 0; step /= 2) {
    if (low + step <= kLargest && kMagnitudes[low + step] <= magnitude) low += step;
  }
  unsigned nearest = low;
  if (low < kLargest) {
    const float below = magnitude - kMagnitudes[low];
    const float above = kMagnitudes[low + 1] - magnitude;
    if (above < below || (above == below && (low & 1) != 0)) nearest = low + 1;
  }
  if (nearest == 0) return 0;  // one zero: byte 0
  const unsigned sign = std::signbit(value) ? 1 : 0;
  return static_cast<std::uint8_t>((nearest & 7) << 5 | (nearest >> 3) << 1 | sign);
}

float decode_e4m3(std::uint8_t byte) {
  const unsigned index = (byte >> 1 & 15u) << 3 | byte >> 5;
  return (byte & 1) != 0 ? -kMagnitudes[index] : kMagnitudes[index];
}

std::uint16_t encode_float16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude < 113u << 23) {
    // Below 2^-14 steps are 2^-24: adding 0.5, whose last bit is worth that, rounds to them.
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(sum) - std::bit_cast<std::uint32_t>(0.5f)));
  }
  magnitude += 0xFFFu + (magnitude >> 13 & 1u);  // half of the last bit that stays; a tie goes to the even one
  return static_cast<std::uint16_t>(sign | ((magnitude >> 13) - (112u << 10)));
}

float decode_float16(std::uint16_t bits) {
  const std::uint32_t exponent = bits >> 10 & 31u;
  const std::uint32_t mantissa = bits & 1023u;
  const float small = static_cast<float>(mantissa) * 0x1p-24f;
  // All ones in the exponent stand for infinity and NaN, which are never written.
  const std::uint32_t rest = exponent == 31 ? 112u << 23 : 0;
  const std::uint32_t magnitude =
      exponent == 0 ? std::bit_cast<std::uint32_t>(small) : (((exponent + 112) << 23) + rest) | mantissa << 13;
  return std::bit_cast<float>(magnitude | static_cast<std::uint32_t>(bits >> 15) << 31);
}

void encode_row(Storage storage, const float* vector, std::size_t n, std::byte* row) {
  if (element_bytes(storage) == sizeof(float)) {
    std::memcpy(row, vector, n * sizeof(float));
  } else if (storage == Storage::Float8) {
    for (std::size_t d = 0; d < n; ++d) row[d] = static_cast<std::byte>(encode_float8(vector[d]));
  } else if (storage == Storage::Float16) {
    for (std::size_t d = 0; d < n; ++d) {
      const std::uint16_t bits = encode_float16(vector[d]);
      std::memcpy(row + d * sizeof bits, &bits, sizeof bits);
    }
  } else {
    for (std::size_t d = 0; d < n; ++d) row[d] = static_cast<std::byte>(encode_e4m3(vector[d]));
  }
}

void decode_row(Storage storage, const std::byte* row, std::size_t n, float* vector) {
  if (element_bytes(storage) == sizeof(float)) {
    std::memcpy(vector, row, n * sizeof(float));
  } else if (storage == Storage::Float8) {
    for (std::size_t d = 0; d < n; ++d) vector[d] = static_cast<float>(static_cast<std::int8_t>(row[d])) / 127.0f;
  } else if (storage == Storage::Float16) {
    for (std::size_t d = 0; d < n; ++d) {
      std::uint16_t bits;
      std::memcpy(&bits, row + d * sizeof bits, sizeof bits);
      vector[d] = decode_float16(bits);
    }
  } else {
    for (std::size_t d = 0; d < n; ++d) vector[d] = decode_e4m3(static_cast<std::uint8_t>(row[d]));
  }
}

}  // namespace nearfield
