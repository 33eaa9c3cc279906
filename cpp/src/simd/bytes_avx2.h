// 64 bytes as two 256-bit registers. Only for the level files that have the flags.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

// How products of bytes are summed: `sum` plus a_lo * b_lo plus a_hi * b_hi, fours of neighbours in a 32-bit number.
// The bytes of a are unsigned and at most 128, those of b signed and at least -127: a pair of products is then within
// 2 * 127^2 as this house uses them, which 16 bits hold.
struct Avx2Dots {
  static __m256i add(__m256i sum, __m256i a_lo, __m256i b_lo, __m256i a_hi, __m256i b_hi) {
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i lo = _mm256_madd_epi16(_mm256_maddubs_epi16(a_lo, b_lo), ones);
    const __m256i hi = _mm256_madd_epi16(_mm256_maddubs_epi16(a_hi, b_hi), ones);
    return _mm256_add_epi32(sum, _mm256_add_epi32(lo, hi));
  }

  // The sum of n (4 n - q), n being four registers of nibbles: a pair of terms is within 2 * 15 * 127, so eight of them
  // fit 16 bits.
  using NibbleSum = __m256i;
  static __m256i term(__m256i n, __m256i q) {
    return _mm256_maddubs_epi16(n, _mm256_sub_epi8(_mm256_slli_epi16(n, 2), q));
  }
  static NibbleSum add_nibbles(NibbleSum sum, const __m256i* n, const __m256i* q) {
    const __m256i low = _mm256_add_epi16(term(n[0], q[0]), term(n[1], q[1]));
    const __m256i high = _mm256_add_epi16(term(n[2], q[2]), term(n[3], q[3]));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(low, high), _mm256_set1_epi16(1)));
  }
  static __m256i total(NibbleSum sum) { return sum; }
};

template <class Dots>
struct Bytes256 {
  struct Block {
    __m256i lo, hi;
  };
  using Sum = __m256i;  // 8 x 32 bits
  static constexpr std::uint32_t kRowBias = 0;

  static Sum zero() { return _mm256_setzero_si256(); }
  static Block load(const unsigned char* p) {
    const auto* blocks = reinterpret_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(blocks), _mm256_loadu_si256(blocks + 1)};
  }
  static Sum add_squares(Sum sum, Block a, Block b) {
    const __m256i lo = _mm256_abs_epi8(_mm256_sub_epi8(a.lo, b.lo));
    const __m256i hi = _mm256_abs_epi8(_mm256_sub_epi8(a.hi, b.hi));
    return Dots::add(sum, lo, lo, hi, hi);
  }
  // |row| * (query with row's sign): both fit what the instruction takes.
  static Sum add_products(Sum sum, Block query, Block row) {
    return Dots::add(sum, _mm256_abs_epi8(row.lo), _mm256_sign_epi8(query.lo, row.lo), _mm256_abs_epi8(row.hi),
                     _mm256_sign_epi8(query.hi, row.hi));
  }
  static void store(unsigned char* p, Block b) {
    auto* blocks = reinterpret_cast<__m256i*>(p);
    _mm256_storeu_si256(blocks, b.lo);
    _mm256_storeu_si256(blocks + 1, b.hi);
  }
  static Block low_nibbles(Block b) {
    const __m256i nibbles = _mm256_set1_epi8(0x0F);
    return {_mm256_and_si256(b.lo, nibbles), _mm256_and_si256(b.hi, nibbles)};
  }
  static Block high_nibbles(Block b) { return low_nibbles({_mm256_srli_epi16(b.lo, 4), _mm256_srli_epi16(b.hi, 4)}); }
  static Block times_8(Block nibbles) { return {_mm256_slli_epi16(nibbles.lo, 3), _mm256_slli_epi16(nibbles.hi, 3)}; }

  using NibbleSum = typename Dots::NibbleSum;
  static NibbleSum add_nibbles(NibbleSum sum, Block q_low, Block q_high, Block row) {
    const Block low = low_nibbles(row), high = high_nibbles(row);
    const __m256i n[4] = {low.lo, low.hi, high.lo, high.hi};
    const __m256i q[4] = {q_low.lo, q_low.hi, q_high.lo, q_high.hi};
    return Dots::add_nibbles(sum, n, q);
  }
  template <int N>
  static void nibble_totals(const NibbleSum* sums, std::uint32_t* out) {
    Sum all[N];
    for (int r = 0; r < N; ++r) all[r] = Dots::total(sums[r]);
    totals<N>(all, out);
  }

  template <int N>
  static void totals(const Sum* sums, std::uint32_t* out) {
    if constexpr (N == 4) {
      const __m256i ab = _mm256_hadd_epi32(sums[0], sums[1]);
      const __m256i cd = _mm256_hadd_epi32(sums[2], sums[3]);
      const __m256i abcd = _mm256_hadd_epi32(ab, cd);
      const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), four);
    } else {
      for (int r = 0; r < N; ++r) out[r] = total(sums[r]);
    }
  }

 private:
  static std::uint32_t total(Sum sum) {
    const __m128i fours = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    const __m128i twos = _mm_add_epi32(fours, _mm_unpackhi_epi64(fours, fours));
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_add_epi32(twos, _mm_shuffle_epi32(twos, 1))));
  }
};

using Avx2Bytes = Bytes256<Avx2Dots>;

}  // namespace
}  // namespace nearfield
