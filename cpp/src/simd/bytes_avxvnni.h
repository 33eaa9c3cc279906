// 64 bytes as two 256-bit registers, with the dot product instruction of AVX-VNNI. Only for level_avxvnni.cpp.
#pragma once

#include "simd/bytes_avx2.h"

namespace nearfield {
namespace {

struct AvxVnniDots {
  static __m256i add(__m256i sum, __m256i a_lo, __m256i b_lo, __m256i a_hi, __m256i b_hi) {
    return _mm256_dpbusd_avx_epi32(_mm256_dpbusd_avx_epi32(sum, a_lo, b_lo), a_hi, b_hi);
  }

  // n n and n q apart: with this instruction two sums are cheaper than 4 n - q.
  struct NibbleSum {
    __m256i squares, products;
  };
  static NibbleSum add_nibbles(NibbleSum sum, const __m256i* n, const __m256i* q) {
    for (int i = 0; i < 4; i += 2) {
      sum.squares = add(sum.squares, n[i], n[i], n[i + 1], n[i + 1]);
      sum.products = add(sum.products, q[i], n[i], q[i + 1], n[i + 1]);
    }
    return sum;
  }
  static __m256i total(NibbleSum sum) { return _mm256_sub_epi32(_mm256_slli_epi32(sum.squares, 2), sum.products); }
};

using AvxVnniBytes = Bytes256<AvxVnniDots>;

}  // namespace
}  // namespace nearfield
