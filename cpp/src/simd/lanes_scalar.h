// 16 virtual lanes in plain C++: the reference, and the fallback of every build. The compiler turns the
// loops into the baseline's vectors (SSE2, NEON); the order of arithmetic stays as written.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

struct ScalarLanes {
  struct Vec {
    float v[16];
  };

  static Vec zero() { return {}; }
  static Vec load(const float* p) {
    Vec r;
    for (int i = 0; i < 16; ++i) r.v[i] = p[i];
    return r;
  }
  static Vec load_int8(const std::uint8_t* p) {
    Vec r;
    for (int i = 0; i < 16; ++i) r.v[i] = static_cast<float>(static_cast<std::int8_t>(p[i]));
    return r;
  }
  // The low or the high halves of 16 bytes.
  static Vec load_nibbles(const std::uint8_t* p, int shift) {
    Vec r;
    for (int i = 0; i < 16; ++i) r.v[i] = static_cast<float>(p[i] >> shift & 15);
    return r;
  }
  // Bits 0bMMMEEEES (codes/codes.h): (1 + m/8) * 2^(e-7), or m * 2^-10 where e is 0.
  static Vec load_e4m3(const std::uint8_t* p) {
    Vec r;
    for (int i = 0; i < 16; ++i) {
      const std::uint32_t byte = p[i];
      const std::uint32_t e = byte >> 1 & 15u;
      const std::uint32_t m = byte >> 5;
      const float small = static_cast<float>(static_cast<std::int32_t>(m)) * 0x1p-10f;
      const std::uint32_t bits =
          (e == 0 ? __builtin_bit_cast(std::uint32_t, small) : (e + 120) << 23 | m << 20) | byte << 31;
      r.v[i] = __builtin_bit_cast(float, bits);
    }
    return r;
  }
  // Exact, as integers: a product of small numbers would depend on whether the caller has them flushed to zero.
  static Vec load_float16(const std::uint8_t* p) {
    Vec r;
    for (int i = 0; i < 16; ++i) {
      const std::uint32_t half = p[2 * i] | static_cast<std::uint32_t>(p[2 * i + 1]) << 8;
      const std::uint32_t e = half >> 10 & 31u;
      const std::uint32_t m = half & 1023u;
      const float small = static_cast<float>(static_cast<std::int32_t>(m)) * 0x1p-24f;
      const std::uint32_t normal = (e + (e == 31 ? 224 : 112)) << 23 | m << 13;
      r.v[i] =
          __builtin_bit_cast(float, (e == 0 ? __builtin_bit_cast(std::uint32_t, small) : normal) | half >> 15 << 31);
    }
    return r;
  }
  static Vec add(Vec a, Vec b) {
    for (int i = 0; i < 16; ++i) a.v[i] += b.v[i];
    return a;
  }
  static Vec sub(Vec a, Vec b) {
    for (int i = 0; i < 16; ++i) a.v[i] -= b.v[i];
    return a;
  }
  static Vec mul(Vec a, Vec b) {
    for (int i = 0; i < 16; ++i) a.v[i] *= b.v[i];
    return a;
  }
  static Vec same(float x) {
    Vec r;
    for (int i = 0; i < 16; ++i) r.v[i] = x;
    return r;
  }
  static Vec min(Vec a, Vec b) {
    for (int i = 0; i < 16; ++i) a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
    return a;
  }
  static Vec max(Vec a, Vec b) {
    for (int i = 0; i < 16; ++i) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
  }
  static void store(float* p, Vec a) {
    for (int i = 0; i < 16; ++i) p[i] = a.v[i];
  }
  // The low byte of each lane's bits.
  static void store_low_bytes(std::uint8_t* p, Vec a) {
    for (int i = 0; i < 16; ++i) p[i] = static_cast<std::uint8_t>(__builtin_bit_cast(std::uint32_t, a.v[i]));
  }
  // The fixed tree: halves are folded onto each other, 16 -> 8 -> 4 -> 2 -> 1.
  static float sum(Vec a) {
    for (int width = 8; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) a.v[i] += a.v[i + width];
    }
    return a.v[0];
  }
};

}  // namespace
}  // namespace nearfield
