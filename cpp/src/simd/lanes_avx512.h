// 16 virtual lanes as one 512-bit register. Only for level_avx512.cpp, which has the flags.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

struct Avx512Lanes {
  using Vec = __m512;

  static Vec zero() { return _mm512_setzero_ps(); }
  static Vec load(const float* p) { return _mm512_loadu_ps(p); }
  static Vec load_int8(const std::uint8_t* p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen(p))); }
  static Vec load_nibbles(const std::uint8_t* p, int shift) {
    const __m512i moved = _mm512_srl_epi32(_mm512_cvtepu8_epi32(sixteen(p)), _mm_cvtsi32_si128(shift));
    return _mm512_cvtepi32_ps(_mm512_and_si512(moved, _mm512_set1_epi32(15)));
  }
  static Vec load_e4m3(const std::uint8_t* p) {
    const __m512i bytes = _mm512_cvtepu8_epi32(sixteen(p));
    const __m512i e = _mm512_and_si512(_mm512_srli_epi32(bytes, 1), _mm512_set1_epi32(15));
    const __m512i m = _mm512_srli_epi32(bytes, 5);
    const __m512i normal =
        _mm512_or_si512(_mm512_slli_epi32(_mm512_add_epi32(e, _mm512_set1_epi32(120)), 23), _mm512_slli_epi32(m, 20));
    const __m512i small = _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(m), _mm512_set1_ps(0x1p-10f)));
    const __mmask16 is_small = _mm512_cmpeq_epi32_mask(e, _mm512_setzero_si512());
    const __m512i magnitude = _mm512_mask_mov_epi32(normal, is_small, small);
    return _mm512_castsi512_ps(_mm512_or_si512(magnitude, _mm512_slli_epi32(bytes, 31)));
  }
  static Vec load_float16(const std::uint8_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
  static Vec same(float x) { return _mm512_set1_ps(x); }
  static Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
  static Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
  static void store_low_bytes(std::uint8_t* p, Vec a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_castps_si512(a)));
  }
  static void store(float* p, Vec a) { _mm512_storeu_ps(p, a); }
  // By hand: the compiler's own reduction leaves its order unsaid.
  static float sum(Vec a) {
    const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1));
    const __m256 eights = _mm256_add_ps(_mm512_castps512_ps256(a), high);
    const __m128 fours = _mm_add_ps(_mm256_castps256_ps128(eights), _mm256_extractf128_ps(eights, 1));
    const __m128 twos = _mm_add_ps(fours, _mm_movehl_ps(fours, fours));
    return _mm_cvtss_f32(_mm_add_ss(twos, _mm_shuffle_ps(twos, twos, 1)));
  }

 private:
  static __m128i sixteen(const std::uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
};

}  // namespace
}  // namespace nearfield
