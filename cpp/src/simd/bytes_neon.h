// 64 bytes as four 128-bit registers, which every armv8-a CPU has. Only for the ARM level files.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

// How products of bytes are summed into four 32-bit numbers.
struct NeonDots {
  static uint32x4_t add_squares(uint32x4_t sum, uint8x16_t a) {
    sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(a), vget_low_u8(a)));
    return vpadalq_u16(sum, vmull_u8(vget_high_u8(a), vget_high_u8(a)));
  }
  static int32x4_t add(int32x4_t sum, int8x16_t a, int8x16_t b) {
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    return vpadalq_s16(sum, vmull_s8(vget_high_s8(a), vget_high_s8(b)));
  }
};

template <class Dots>
struct Bytes4x128 {
  struct Block {
    uint8x16_t v[4];
  };
  using Sum = uint32x4_t;
  static constexpr std::uint32_t kRowBias = 0;

  static Sum zero() { return vdupq_n_u32(0); }
  static Block load(const unsigned char* p) {
    return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
  }
  static Sum add_squares(Sum sum, Block a, Block b) {
    for (int i = 0; i < 4; ++i) sum = Dots::add_squares(sum, vabdq_u8(a.v[i], b.v[i]));
    return sum;
  }
  static Sum add_products(Sum sum, Block query, Block row) {
    int32x4_t total = vreinterpretq_s32_u32(sum);
    for (int i = 0; i < 4; ++i) {
      total = Dots::add(total, vreinterpretq_s8_u8(query.v[i]), vreinterpretq_s8_u8(row.v[i]));
    }
    return vreinterpretq_u32_s32(total);
  }
  static void store(unsigned char* p, Block b) {
    for (int i = 0; i < 4; ++i) vst1q_u8(p + 16 * i, b.v[i]);
  }
  static Block low_nibbles_times_8(Block b) {
    for (int i = 0; i < 4; ++i) b.v[i] = vshrq_n_u8(vshlq_n_u8(b.v[i], 4), 1);
    return b;
  }
  static Block high_nibbles_times_8(Block b) {
    for (int i = 0; i < 4; ++i) b.v[i] = vshlq_n_u8(vshrq_n_u8(b.v[i], 4), 3);
    return b;
  }
  template <int N>
  static void totals(const Sum* sums, std::uint32_t* out) {
    for (int r = 0; r < N; ++r) out[r] = vaddvq_u32(sums[r]);
  }
};

using NeonBytes = Bytes4x128<NeonDots>;

}  // namespace
}  // namespace nearfield
