// 64 bytes as four 128-bit registers, with the dot product instructions of ARMv8.2. Only for level_neondot.cpp.
#pragma once

#include "simd/bytes_neon.h"

namespace nearfield {
namespace {

struct NeonDotBytes : NeonBytes {
  static Sum add_squares(Sum sum, Block a, Block b) {
    for (int i = 0; i < 4; ++i) {
      const uint8x16_t difference = vabdq_u8(a.v[i], b.v[i]);
      sum = vdotq_u32(sum, difference, difference);
    }
    return sum;
  }
  static Sum add_products(Sum sum, Block query, Block row) {
    int32x4_t total = vreinterpretq_s32_u32(sum);
    for (int i = 0; i < 4; ++i) {
      total = vdotq_s32(total, vreinterpretq_s8_u8(query.v[i]), vreinterpretq_s8_u8(row.v[i]));
    }
    return vreinterpretq_u32_s32(total);
  }
};

}  // namespace
}  // namespace nearfield
