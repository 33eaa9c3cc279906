// 64 bytes as four 128-bit registers, which every armv8-a CPU has. Only for the ARM level files.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

// How products of bytes are summed into four 32-bit numbers.
struct NeonDots {
  // Two products of bytes below 128 fit 16 bits.
  static uint32x4_t add(uint32x4_t sum, uint8x16_t a, uint8x16_t b) {
    const uint16x8_t low = vmull_u8(vget_low_u8(a), vget_low_u8(b));
    return vpadalq_u16(sum, vmlal_u8(low, vget_high_u8(a), vget_high_u8(b)));
  }
  static int32x4_t add(int32x4_t sum, int8x16_t a, int8x16_t b) {
    const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
    return vpadalq_s16(sum, vmlal_s8(low, vget_high_s8(a), vget_high_s8(b)));
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
    for (int i = 0; i < 4; ++i) {
      const uint8x16_t difference = vabdq_u8(a.v[i], b.v[i]);
      sum = Dots::add(sum, difference, difference);
    }
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
  static Block low_nibbles(Block b) {
    for (int i = 0; i < 4; ++i) b.v[i] = vandq_u8(b.v[i], vdupq_n_u8(0x0F));
    return b;
  }
  static Block high_nibbles(Block b) {
    for (int i = 0; i < 4; ++i) b.v[i] = vshrq_n_u8(b.v[i], 4);
    return b;
  }
  static Block times_8(Block nibbles) {
    for (int i = 0; i < 4; ++i) nibbles.v[i] = vshlq_n_u8(nibbles.v[i], 3);
    return nibbles;
  }

  struct NibbleSum {
    Sum squares, products;
  };
  static NibbleSum add_nibbles(NibbleSum sum, Block q_low, Block q_high, Block row) {
    const Block low = low_nibbles(row), high = high_nibbles(row);
    for (int i = 0; i < 4; ++i) {
      sum.squares = Dots::add(Dots::add(sum.squares, low.v[i], low.v[i]), high.v[i], high.v[i]);
      sum.products = Dots::add(Dots::add(sum.products, q_low.v[i], low.v[i]), q_high.v[i], high.v[i]);
    }
    return sum;
  }
  template <int N>
  static void nibble_totals(const NibbleSum* sums, std::uint32_t* out) {
    Sum all[N];
    for (int r = 0; r < N; ++r) all[r] = vsubq_u32(vshlq_n_u32(sums[r].squares, 2), sums[r].products);
    totals<N>(all, out);
  }

  template <int N>
  static void totals(const Sum* sums, std::uint32_t* out) {
    for (int r = 0; r < N; ++r) out[r] = vaddvq_u32(sums[r]);
  }
};

using NeonBytes = Bytes4x128<NeonDots>;

}  // namespace
}  // namespace nearfield
