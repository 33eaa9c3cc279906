// 64 bytes as two 256-bit registers, with the dot product instruction of AVX-VNNI. Only for level_avxvnni.cpp.
#pragma once

#include "simd/bytes_avx2.h"

namespace nearfield {
namespace {

struct AvxVnniDots {
  static __m256i add(__m256i sum, __m256i a_lo, __m256i b_lo, __m256i a_hi, __m256i b_hi) {
    return _mm256_dpbusd_avx_epi32(_mm256_dpbusd_avx_epi32(sum, a_lo, b_lo), a_hi, b_hi);
  }
};

using AvxVnniBytes = Bytes256<AvxVnniDots>;

}  // namespace
}  // namespace nearfield
