// A kernel: how rows of one kind are compared with a query. The walk is written once against this vocabulary and
// compiled per level and kernel.
//
//   compare<N>(query, rows, row_bytes, keys)   N rows at once; a key is an unsigned number that sorts like the distance
//   compare_ahead(...)                         where kAskRest: four rows, and asks memory for four others meanwhile
//   query_of(row, row_bytes, buffer)           a stored row as a query; may be the row itself
//   clearly_nearer(between, to_row, alpha)     between * alpha < to_row, where the distance is one that has multiples
//   kAskBytes                                  so much of a row is asked for before its turn comes
//   kAskRest                                   the rest is asked for while the rows before it are compared
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/keys.h"
#include "simd/loop.h"
#include "simd/ops.h"

namespace nearfield {
namespace {

// Floats: queries are padded float32, rows any storage.
template <class Lanes, class Op, class Rows>
struct FloatKernel {
  // Asking for all 24 lines of a float32 row of 384 dimensions at once was 8 to 20 % slower (Zen 3, Emerald Rapids,
  // 2026-11): they queue before the lines that are needed first.
  static constexpr std::size_t kAskBytes = 256;
  static constexpr bool kAskRest = true;

  template <int N>
  static void compare(const void* query, const unsigned char* const* rows, std::size_t row_bytes, std::uint32_t* keys) {
    float distances[N];
    reduce<Lanes, Op, Rows, N>(static_cast<const float*>(query), rows, row_bytes * Rows::kInLine / 64, distances);
    for (int r = 0; r < N; ++r) keys[r] = key_of(distances[r]);
  }

  static void compare_ahead(const void* query, const unsigned char* const* rows, const unsigned char* const* next,
                            std::size_t row_bytes, std::uint32_t* keys) {
    float distances[4];
    reduce_ahead<Lanes, Op, Rows>(static_cast<const float*>(query), rows, next, row_bytes * Rows::kInLine / 64,
                                  distances);
    for (int r = 0; r < 4; ++r) keys[r] = key_of(distances[r]);
  }

  static const void* query_of(const unsigned char* row, std::size_t row_bytes, void* buffer) {
    if constexpr (Rows::kInLine == 16) {
      return row;
    } else {
      auto* out = static_cast<float*>(buffer);
      for (std::size_t d = 0; d < row_bytes * Rows::kInLine / 64; d += 16) Lanes::store(out + d, Rows::load(row, d));
      return out;
    }
  }

  static bool clearly_nearer(std::uint32_t between, std::uint32_t to_row, std::uint32_t alpha_percent) {
    return distance_of(between) * (static_cast<float>(alpha_percent) / 100.0f) < distance_of(to_row);
  }
};

// A byte a dimension in query and rows: N sums at once over blocks of 64 bytes.
template <class Bytes, auto kAdd, int N>
inline void sum_blocks(const unsigned char* query, const unsigned char* const* rows, std::size_t row_bytes,
                       std::uint32_t* totals) {
  typename Bytes::Sum sums[N];
  for (int r = 0; r < N; ++r) sums[r] = Bytes::zero();
  for (std::size_t i = 0; i < row_bytes; i += 64) {
    const typename Bytes::Block block = Bytes::load(query + i);
    for (int r = 0; r < N; ++r) sums[r] = kAdd(sums[r], block, Bytes::load(rows[r] + i));
  }
  Bytes::template totals<N>(sums, totals);
}

inline constexpr unsigned char kZeroBytes[64] = {};

// clearly_nearer of squared distances in whole steps.
inline bool whole_times_alpha_below(std::uint32_t between, std::uint32_t to_row, std::uint32_t alpha_percent) {
  return std::uint64_t{between} * alpha_percent < std::uint64_t{to_row} * 100;
}

// Codes of 7 bits a dimension on one grid for rows and query: the sum of squared differences. No difference
// needs more than 8 bits, so no level saturates, and integers are the same at all of them.
template <class Bytes>
struct DifferenceKernel {
  static constexpr std::size_t kAskBytes = 2048;
  static constexpr bool kAskRest = false;

  template <int N>
  static void compare(const void* query, const unsigned char* const* rows, std::size_t row_bytes, std::uint32_t* keys) {
    sum_blocks<Bytes, Bytes::add_squares, N>(static_cast<const unsigned char*>(query), rows, row_bytes, keys);
  }

  static const void* query_of(const unsigned char* row, std::size_t, void*) { return row; }

  static constexpr auto clearly_nearer = whole_times_alpha_below;
};

// Codes of 4 bits a dimension, compared with a query of 7: half the rounding of 4 bits against 4, for nothing. Nibble n
// stands for 8 n on the query's grid. In each 64 bytes of a row the low nibbles are 64 dimensions, the high ones the
// next 64; so a query is twice as long. Behind its codes stands the sum of their squares as a 32-bit number:
// (8 n - q)^2 = q^2 + 16 n (4 n - q), and only the last has to be summed for every row.
template <class Bytes>
struct NibbleKernel {
  static constexpr std::size_t kAskBytes = 2048;
  static constexpr bool kAskRest = false;

  template <int N>
  static void compare(const void* query, const unsigned char* const* rows, std::size_t row_bytes, std::uint32_t* keys) {
    const auto* q = static_cast<const unsigned char*>(query);
    typename Bytes::NibbleSum sums[N];
    for (int r = 0; r < N; ++r) sums[r] = typename Bytes::NibbleSum{};
    for (std::size_t i = 0; i < row_bytes; i += 64) {
      const typename Bytes::Block low = Bytes::load(q + 2 * i);
      const typename Bytes::Block high = Bytes::load(q + 2 * i + 64);
      for (int r = 0; r < N; ++r) sums[r] = Bytes::add_nibbles(sums[r], low, high, Bytes::load(rows[r] + i));
    }
    std::uint32_t totals[N];
    Bytes::template nibble_totals<N>(sums, totals);
    std::uint32_t squares = 0;
    __builtin_memcpy(&squares, q + 2 * row_bytes, sizeof squares);
    for (int r = 0; r < N; ++r) keys[r] = squares + 16 * totals[r];  // modulo 2^32, as the totals are
  }

  static const void* query_of(const unsigned char* row, std::size_t row_bytes, void* buffer) {
    auto* out = static_cast<unsigned char*>(buffer);
    const typename Bytes::Block zeros = Bytes::load(kZeroBytes);
    typename Bytes::NibbleSum sum[1] = {};
    for (std::size_t i = 0; i < row_bytes; i += 64) {
      const typename Bytes::Block block = Bytes::load(row + i);
      Bytes::store(out + 2 * i, Bytes::times_8(Bytes::low_nibbles(block)));
      Bytes::store(out + 2 * i + 64, Bytes::times_8(Bytes::high_nibbles(block)));
      sum[0] = Bytes::add_nibbles(sum[0], zeros, zeros, block);
    }
    std::uint32_t squares = 0;
    Bytes::template nibble_totals<1>(sum, &squares);
    squares *= 16;
    __builtin_memcpy(out + 2 * row_bytes, &squares, sizeof squares);
    return out;
  }

  static constexpr auto clearly_nearer = whole_times_alpha_below;
};

// Signed codes of 8 bits, -127 to 127: the dot product, for inner products. Behind the codes of a query stands
// their sum as a 32-bit number: some levels add 128 to one factor and take it back here.
template <class Bytes>
struct ProductKernel {
  static constexpr std::size_t kAskBytes = 2048;
  static constexpr bool kAskRest = false;

  template <int N>
  static void compare(const void* query, const unsigned char* const* rows, std::size_t row_bytes, std::uint32_t* keys) {
    const auto* q = static_cast<const unsigned char*>(query);
    std::uint32_t dots[N];
    sum_blocks<Bytes, Bytes::add_products, N>(q, rows, row_bytes, dots);
    std::uint32_t sum_of_query = 0;
    __builtin_memcpy(&sum_of_query, q + row_bytes, sizeof sum_of_query);
    const std::uint32_t middle = 0x80000000u + Bytes::kRowBias * sum_of_query;
    for (int r = 0; r < N; ++r) keys[r] = middle - dots[r];  // modulo 2^32, as the sums are
  }

  static const void* query_of(const unsigned char* row, std::size_t row_bytes, void* buffer) {
    auto* out = static_cast<unsigned char*>(buffer);
    __builtin_memcpy(out, row, row_bytes);
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < row_bytes; ++i) sum += static_cast<signed char>(row[i]);
    __builtin_memcpy(out + row_bytes, &sum, sizeof sum);
    return out;
  }

  // A product has no multiples that mean anything: alpha is left aside.
  static bool clearly_nearer(std::uint32_t between, std::uint32_t to_row, std::uint32_t) { return between < to_row; }
};

// Any number of rows, four at a time.
template <class Kernel>
inline void compare_all(const void* query, const unsigned char* const* rows, std::size_t n, std::size_t row_bytes,
                        std::uint32_t* keys) {
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) Kernel::template compare<4>(query, rows + i, row_bytes, keys + i);
  switch (n - i) {
    case 3:
      return Kernel::template compare<3>(query, rows + i, row_bytes, keys + i);
    case 2:
      return Kernel::template compare<2>(query, rows + i, row_bytes, keys + i);
    case 1:
      return Kernel::template compare<1>(query, rows + i, row_bytes, keys + i);
    default:
      return;
  }
}

}  // namespace
}  // namespace nearfield
