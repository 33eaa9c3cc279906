#include "codes/rotation.h"

#include <bit>
#include <cmath>
#include <cstdint>

#include "hash.h"

namespace nearfield {
namespace {

constexpr std::uint64_t kSeed = 0x6E656172;  // part of the file format: codes of a rotated grid depend on it
constexpr int kTimes = 3;

void flip_signs(float* vector, std::size_t n, std::uint64_t stream) {
  for (std::size_t d = 0; d < n; d += 64) {
    const std::uint64_t signs = mix64(kSeed ^ mix64(stream << 32 | d));
    for (std::size_t i = 0; i < 64 && d + i < n; ++i) vector[d + i] = signs >> i & 1 ? -vector[d + i] : vector[d + i];
  }
}

// In place, n a power of two, at least 16.
void transform(float* vector, std::size_t n) {
  for (std::size_t half = 1; half < n; half *= 2) {
    for (std::size_t begin = 0; begin < n; begin += 2 * half) {
      for (std::size_t i = begin; i < begin + half; ++i) {
        const float a = vector[i], b = vector[i + half];
        vector[i] = a + b;
        vector[i + half] = a - b;
      }
    }
  }
  const float scale = 1.0f / std::sqrt(static_cast<float>(n));
  for (std::size_t i = 0; i < n; ++i) vector[i] *= scale;
}

}  // namespace

void rotate(float* vector, std::size_t n) {
  const std::size_t power = std::bit_floor(n);
  for (int time = 0; time < kTimes; ++time) {
    flip_signs(vector, n, static_cast<std::uint64_t>(time));
    transform(vector, power);
    if (power < n) transform(vector + n - power, power);
  }
}

void rotate_back(float* vector, std::size_t n) {
  const std::size_t power = std::bit_floor(n);
  for (int time = kTimes; time-- > 0;) {
    if (power < n) transform(vector + n - power, power);
    transform(vector, power);
    flip_signs(vector, n, static_cast<std::uint64_t>(time));
  }
}

}  // namespace nearfield
