// 16 virtual lanes as two 256-bit registers. Only for level_avx2.cpp, which has the flags.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

struct Avx2Lanes {
  struct Vec {
    __m256 lo, hi;  // lanes 0-7, 8-15
  };

  static Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Vec load_int8(const std::uint8_t* p) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight(p))), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight(p + 8)))};
  }
  static Vec load_nibbles(const std::uint8_t* p, int shift) {
    const __m128i bits = _mm_cvtsi32_si128(shift);
    return {eight_nibbles(p, bits), eight_nibbles(p + 8, bits)};
  }
  static Vec load_e4m3(const std::uint8_t* p) { return {eight_e4m3(p), eight_e4m3(p + 8)}; }
  static Vec load_float16(const std::uint8_t* p) {
    const auto* halves = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
  }
  static Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  static Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
  static Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  static Vec same(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  static Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  static void store_low_bytes(std::uint8_t* p, Vec a) {
    const __m256i low_byte = _mm256_set1_epi32(0xFF);
    const __m256i lo = _mm256_and_si256(_mm256_castps_si256(a.lo), low_byte);
    const __m256i hi = _mm256_and_si256(_mm256_castps_si256(a.hi), low_byte);
    // Packing works in halves of 128 bits: put the four quarters back in order.
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(lo, hi), 0xD8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
  }
  static void store(float* p, Vec a) {
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
  }
  static float sum(Vec a) {
    const __m256 eights = _mm256_add_ps(a.lo, a.hi);
    const __m128 fours = _mm_add_ps(_mm256_castps256_ps128(eights), _mm256_extractf128_ps(eights, 1));
    const __m128 twos = _mm_add_ps(fours, _mm_movehl_ps(fours, fours));
    return _mm_cvtss_f32(_mm_add_ss(twos, _mm_shuffle_ps(twos, twos, 1)));
  }

 private:
  static __m128i eight(const std::uint8_t* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); }
  static __m256 eight_nibbles(const std::uint8_t* p, __m128i shift) {
    const __m256i moved = _mm256_srl_epi32(_mm256_cvtepu8_epi32(eight(p)), shift);
    return _mm256_cvtepi32_ps(_mm256_and_si256(moved, _mm256_set1_epi32(15)));
  }
  static __m256 eight_e4m3(const std::uint8_t* p) {
    const __m256i bytes = _mm256_cvtepu8_epi32(eight(p));
    const __m256i e = _mm256_and_si256(_mm256_srli_epi32(bytes, 1), _mm256_set1_epi32(15));
    const __m256i m = _mm256_srli_epi32(bytes, 5);
    const __m256i normal =
        _mm256_or_si256(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(120)), 23), _mm256_slli_epi32(m, 20));
    const __m256 small = _mm256_mul_ps(_mm256_cvtepi32_ps(m), _mm256_set1_ps(0x1p-10f));
    const __m256 is_small = _mm256_castsi256_ps(_mm256_cmpeq_epi32(e, _mm256_setzero_si256()));
    const __m256 magnitude = _mm256_blendv_ps(_mm256_castsi256_ps(normal), small, is_small);
    return _mm256_or_ps(magnitude, _mm256_castsi256_ps(_mm256_slli_epi32(bytes, 31)));
  }
};

}  // namespace
}  // namespace nearfield
