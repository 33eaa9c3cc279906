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
  static Block low_nibbles_times_8(Block b) {
    for (unsigned char& x : b.v) x = static_cast<unsigned char>((x & 15u) << 3);
    return b;
  }
  static Block high_nibbles_times_8(Block b) {
    for (unsigned char& x : b.v) x = static_cast<unsigned char>(x >> 4 << 3);
    return b;
  }
  template <int N>
  static void totals(const Sum* sums, std::uint32_t* out) {
    for (int r = 0; r < N; ++r) out[r] = sums[r];
  }
};

}  // namespace
}  // namespace nearfield
