// 64 bytes as one 512-bit register, with AVX-512 VNNI. Only for level_avx512.cpp.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

struct Avx512Bytes {
  using Block = __m512i;
  // 16 x 32 bits. Not __m512i: around every dpbusd on one of those, gcc 12 copies a register.
  typedef unsigned Sum __attribute__((vector_size(64)));
  // The instruction takes one factor unsigned: a row's bytes have 128 added, and the kernel takes it back.
  static constexpr std::uint32_t kRowBias = 128;

  static Sum zero() { return Sum{}; }
  static Sum add_dots(Sum sum, Block bytes, Block signed_bytes) {
    return reinterpret_cast<Sum>(_mm512_dpbusd_epi32(reinterpret_cast<Block>(sum), bytes, signed_bytes));
  }
  static Block load(const unsigned char* p) { return _mm512_loadu_si512(p); }
  static Sum add_squares(Sum sum, Block a, Block b) {
    const __m512i difference = _mm512_abs_epi8(_mm512_sub_epi8(a, b));
    return add_dots(sum, difference, difference);
  }
  static Sum add_products(Sum sum, Block query, Block row) {
    return add_dots(sum, _mm512_xor_si512(row, _mm512_set1_epi8(-128)), query);
  }
  static void store(unsigned char* p, Block b) { _mm512_storeu_si512(p, b); }
  static Block low_nibbles(Block b) { return _mm512_and_si512(b, _mm512_set1_epi8(0x0F)); }
  static Block high_nibbles(Block b) { return low_nibbles(_mm512_srli_epi16(b, 4)); }
  static Block times_8(Block nibbles) { return _mm512_slli_epi16(nibbles, 3); }

  // n n and n q apart: with this instruction two sums are cheaper than 4 n - q.
  struct NibbleSum {
    Sum squares, products;
  };
  static NibbleSum add_nibbles(NibbleSum sum, Block q_low, Block q_high, Block row) {
    const Block low = low_nibbles(row), high = high_nibbles(row);
    return {add_dots(add_dots(sum.squares, low, low), high, high),
            add_dots(add_dots(sum.products, q_low, low), q_high, high)};
  }
  template <int N>
  static void nibble_totals(const NibbleSum* sums, std::uint32_t* out) {
    Sum all[N];
    for (int r = 0; r < N; ++r) all[r] = (sums[r].squares << 2) - sums[r].products;
    totals<N>(all, out);
  }

  template <int N>
  static void totals(const Sum* sums, std::uint32_t* out) {
    __m128i fours[4];
    for (int r = 0; r < N; ++r) {
      const auto sixteen = reinterpret_cast<Block>(sums[r]);
      const __m256i eights = _mm256_add_epi32(_mm512_castsi512_si256(sixteen), _mm512_extracti64x4_epi64(sixteen, 1));
      fours[r] = _mm_add_epi32(_mm256_castsi256_si128(eights), _mm256_extracti128_si256(eights, 1));
    }
    if constexpr (N == 4) {
      const __m128i all = _mm_hadd_epi32(_mm_hadd_epi32(fours[0], fours[1]), _mm_hadd_epi32(fours[2], fours[3]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), all);
    } else {
      for (int r = 0; r < N; ++r) {
        const __m128i twos = _mm_add_epi32(fours[r], _mm_unpackhi_epi64(fours[r], fours[r]));
        out[r] = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_add_epi32(twos, _mm_shuffle_epi32(twos, 1))));
      }
    }
  }
};

}  // namespace
}  // namespace nearfield
