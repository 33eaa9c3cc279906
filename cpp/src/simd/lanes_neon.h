// 16 virtual lanes as four 128-bit registers. Only for level_neon.cpp; every armv8-a CPU has them.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

struct NeonLanes {
  struct Vec {
    float32x4_t v[4];  // lanes 0-3, 4-7, 8-11, 12-15
  };

  static Vec zero() { return {{vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)}}; }
  static Vec load(const float* p) { return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}}; }
  static Vec load_int8(const std::uint8_t* p) {
    const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(p));
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
    const int16x8_t high = vmovl_s8(vget_high_s8(bytes));
    return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
             vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
  }
  static Vec load_nibbles(const std::uint8_t* p, int shift) {
    const uint8x16_t moved = vshlq_u8(vld1q_u8(p), vdupq_n_s8(static_cast<std::int8_t>(-shift)));
    const uint8x16_t bytes = vandq_u8(moved, vdupq_n_u8(15));
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
    const uint16x8_t high = vmovl_u8(vget_high_u8(bytes));
    return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
             vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(high)))}};
  }
  static Vec load_e4m3(const std::uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
    const uint16x8_t high = vmovl_u8(vget_high_u8(bytes));
    return {{four_e4m3(vmovl_u16(vget_low_u16(low))), four_e4m3(vmovl_u16(vget_high_u16(low))),
             four_e4m3(vmovl_u16(vget_low_u16(high))), four_e4m3(vmovl_u16(vget_high_u16(high)))}};
  }
  static Vec load_float16(const std::uint8_t* p) {
    Vec r;
    for (int i = 0; i < 4; ++i) r.v[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i)));
    return r;
  }
  static Vec add(Vec a, Vec b) {
    for (int i = 0; i < 4; ++i) a.v[i] = vaddq_f32(a.v[i], b.v[i]);
    return a;
  }
  static Vec sub(Vec a, Vec b) {
    for (int i = 0; i < 4; ++i) a.v[i] = vsubq_f32(a.v[i], b.v[i]);
    return a;
  }
  static Vec mul(Vec a, Vec b) {
    for (int i = 0; i < 4; ++i) a.v[i] = vmulq_f32(a.v[i], b.v[i]);
    return a;
  }
  static Vec same(float x) { return {{vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x)}}; }
  static Vec min(Vec a, Vec b) {
    for (int i = 0; i < 4; ++i) a.v[i] = vminq_f32(a.v[i], b.v[i]);
    return a;
  }
  static Vec max(Vec a, Vec b) {
    for (int i = 0; i < 4; ++i) a.v[i] = vmaxq_f32(a.v[i], b.v[i]);
    return a;
  }
  static void store_low_bytes(std::uint8_t* p, Vec a) {
    const uint16x8_t low =
        vcombine_u16(vmovn_u32(vreinterpretq_u32_f32(a.v[0])), vmovn_u32(vreinterpretq_u32_f32(a.v[1])));
    const uint16x8_t high =
        vcombine_u16(vmovn_u32(vreinterpretq_u32_f32(a.v[2])), vmovn_u32(vreinterpretq_u32_f32(a.v[3])));
    vst1q_u8(p, vcombine_u8(vmovn_u16(low), vmovn_u16(high)));
  }
  static void store(float* p, Vec a) {
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
  }
  static float sum(Vec a) {
    const float32x4_t low = vaddq_f32(a.v[0], a.v[2]);   // lanes 0-3 + 8-11
    const float32x4_t high = vaddq_f32(a.v[1], a.v[3]);  // lanes 4-7 + 12-15
    const float32x4_t fours = vaddq_f32(low, high);
    const float32x2_t twos = vadd_f32(vget_low_f32(fours), vget_high_f32(fours));
    return vget_lane_f32(twos, 0) + vget_lane_f32(twos, 1);
  }

 private:
  static float32x4_t four_e4m3(uint32x4_t bytes) {
    const uint32x4_t e = vandq_u32(vshrq_n_u32(bytes, 1), vdupq_n_u32(15));
    const uint32x4_t m = vshrq_n_u32(bytes, 5);
    const uint32x4_t normal = vorrq_u32(vshlq_n_u32(vaddq_u32(e, vdupq_n_u32(120)), 23), vshlq_n_u32(m, 20));
    const float32x4_t small = vmulq_f32(vcvtq_f32_u32(m), vdupq_n_f32(0x1p-10f));
    const uint32x4_t magnitude = vbslq_u32(vceqq_u32(e, vdupq_n_u32(0)), vreinterpretq_u32_f32(small), normal);
    return vreinterpretq_f32_u32(vorrq_u32(magnitude, vshlq_n_u32(bytes, 31)));
  }
};

}  // namespace
}  // namespace nearfield
