// 64 bytes as four 128-bit registers, with the dot product instructions of ARMv8.2. Only for level_neondot.cpp.
#pragma once

#include "simd/bytes_neon.h"

namespace nearfield {
namespace {

struct NeonDotDots {
  static uint32x4_t add(uint32x4_t sum, uint8x16_t a, uint8x16_t b) { return vdotq_u32(sum, a, b); }
  static int32x4_t add(int32x4_t sum, int8x16_t a, int8x16_t b) { return vdotq_s32(sum, a, b); }
};

using NeonDotBytes = Bytes4x128<NeonDotDots>;

}  // namespace
}  // namespace nearfield
