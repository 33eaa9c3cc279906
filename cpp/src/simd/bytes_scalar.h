// 64 bytes at a time in plain C++: the reference of the integer kernels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

struct ScalarBytes {
  struct Block {
    unsigned char v[64];
  };
  using Sum = std::uint32_t;
  static constexpr std::uint32_t kRowBias = 0;

  static Sum zero() { return 0; }
  static Block load(const unsigned char* p) {
    Block b;
    __builtin_memcpy(b.v, p, sizeof b.v);
    return b;
  }
  // Plus the sum of (a - b)^2, all bytes below 128.
  static Sum add_squares(Sum sum, const Block& a, const Block& b) {
    for (int i = 0; i < 64; ++i) {
      const int difference = a.v[i] - b.v[i];
      sum += static_cast<std::uint32_t>(difference * difference);
    }
    return sum;
  }
  // Plus the sum of query * (row + kRowBias), both signed, -127 to 127.
  static Sum add_products(Sum sum, const Block& query, const Block& row) {
    for (int i = 0; i < 64; ++i) {
      sum += static_cast<std::uint32_t>(static_cast<signed char>(query.v[i]) * static_cast<signed char>(row.v[i]));
    }
    return sum;
  }
  static void store(unsigned char* p, const Block& b) { __builtin_memcpy(p, b.v, sizeof b.v); }
  static Block low_nibbles(Block b) {
    for (unsigned char& x : b.v) x = static_cast<unsigned char>(x & 15u);
    return b;
  }
  static Block high_nibbles(Block b) {
    for (unsigned char& x : b.v) x = static_cast<unsigned char>(x >> 4);
    return b;
  }
  static Block times_8(Block nibbles) {
    for (unsigned char& x : nibbles.v) x = static_cast<unsigned char>(x << 3);
    return nibbles;
  }

  // Plus the sum of n (4 n - q), which may be negative: modulo 2^32.
  using NibbleSum = std::uint32_t;
  static NibbleSum add_nibbles(NibbleSum sum, const Block& q_low, const Block& q_high, const Block& row) {
    int terms = 0;
    for (int i = 0; i < 64; ++i) {
      const int low = row.v[i] & 15, high = row.v[i] >> 4;
      terms += low * (4 * low - q_low.v[i]) + high * (4 * high - q_high.v[i]);
    }
    return sum + static_cast<std::uint32_t>(terms);
  }
  template <int N>
  static void nibble_totals(const NibbleSum* sums, std::uint32_t* out) {
    totals<N>(sums, out);
  }

  template <int N>
  static void totals(const Sum* sums, std::uint32_t* out) {
    for (int r = 0; r < N; ++r) out[r] = sums[r];
  }
};

}  // namespace
}  // namespace nearfield
