// 64 bytes as two 256-bit registers, with the dot product instruction of AVX-VNNI. Only for level_avxvnni.cpp.
#pragma once

#include "simd/bytes_avx2.h"

namespace nearfield {
namespace {

struct AvxVnniBytes : Avx2Bytes {
  static Sum add_squares(Sum sum, Block a, Block b) {
    const __m256i lo = _mm256_abs_epi8(_mm256_sub_epi8(a.lo, b.lo));
    const __m256i hi = _mm256_abs_epi8(_mm256_sub_epi8(a.hi, b.hi));
    return _mm256_dpbusd_avx_epi32(_mm256_dpbusd_avx_epi32(sum, lo, lo), hi, hi);
  }
  static Sum add_products(Sum sum, Block query, Block row) {
    sum = _mm256_dpbusd_avx_epi32(sum, _mm256_abs_epi8(row.lo), _mm256_sign_epi8(query.lo, row.lo));
    return _mm256_dpbusd_avx_epi32(sum, _mm256_abs_epi8(row.hi), _mm256_sign_epi8(query.hi, row.hi));
  }
};

}  // namespace
}  // namespace nearfield
