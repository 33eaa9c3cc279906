// Stands in for the compiler's <immintrin.h> in the emulated build (NEARFIELD_SIMDE): the AVX2, AVX-VNNI
// and AVX-512 levels are then plain C++ that any CPU runs, so their arithmetic is checked on machines
// that lack the instructions. Speed means nothing there. Never part of a build that ships.
//
// SIMDE_ENABLE_NATIVE_ALIASES comes from the command line. What SIMDe 0.7.4 lacks follows below it; a
// later SIMDe that brings these names will say so as a redefinition.
#pragma once

#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

#include <cstdint>

typedef simde__mmask16 __mmask16;

inline __m512i _mm512_cvtepi8_epi32(__m128i bytes) {
  simde__m512i_private out;
  const simde__m128i_private in = simde__m128i_to_private(bytes);
  for (int i = 0; i < 16; ++i) out.i32[i] = in.i8[i];
  return simde__m512i_from_private(out);
}

inline __m512i _mm512_cvtepu8_epi32(__m128i bytes) {
  simde__m512i_private out;
  const simde__m128i_private in = simde__m128i_to_private(bytes);
  for (int i = 0; i < 16; ++i) out.i32[i] = in.u8[i];
  return simde__m512i_from_private(out);
}

inline __m512 _mm512_cvtepi32_ps(__m512i numbers) {
  simde__m512_private out;
  const simde__m512i_private in = simde__m512i_to_private(numbers);
  for (int i = 0; i < 16; ++i) out.f32[i] = static_cast<float>(in.i32[i]);
  return simde__m512_from_private(out);
}

inline __m128i _mm512_cvtepi32_epi8(__m512i numbers) {
  const simde__m512i_private in = simde__m512i_to_private(numbers);
  simde__m128i_private out;
  for (int i = 0; i < 16; ++i) out.i8[i] = static_cast<std::int8_t>(in.i32[i] & 0xFF);
  return simde__m128i_from_private(out);
}

inline __m512 _mm512_cvtph_ps(__m256i halves) {
  const simde__m256i_private in = simde__m256i_to_private(halves);
  simde__m512_private out;
  out.m256[0] = simde_mm256_cvtph_ps(in.m128i[0]);
  out.m256[1] = simde_mm256_cvtph_ps(in.m128i[1]);
  return simde__m512_from_private(out);
}

inline __m256i _mm256_dpbusd_avx_epi32(__m256i sum, __m256i a, __m256i b) {
  return simde_mm256_dpbusd_epi32(sum, a, b);
}
