// Everything one SIMD level can do, put into its tables. Included by the level files only.
#pragma once

#include "simd/kernels.h"
#include "simd/ops.h"
#include "walk/prune.h"
#include "walk/search.h"
#include "walk/view.h"

namespace nearfield {
namespace {

// Bytes of rows that are asked for ahead of those that are compared. More than the machine fetches at once would wait.
inline constexpr std::size_t kAheadBytes = 2048;

template <class Kernel>
void keys_of(const WalkView& view, const void* query, const std::uint32_t* slots, std::size_t n, std::uint32_t* out) {
  const std::size_t bytes = view.rows.stride;
  const auto row = [&](std::size_t i) { return view.rows.row(slots[i < n ? i : n - 1]); };
  const std::size_t ahead = Kernel::kAskRest ? 4 : 4 + kAheadBytes / (4 * bytes) * 4;
  for (std::size_t i = 0; i < n && i < ahead; ++i) prefetch(row(i), bytes);
  for (std::size_t i = 0; i < n; i += 4) {
    const unsigned char* rows[4] = {row(i), row(i + 1), row(i + 2), row(i + 3)};
    const unsigned char* next[4] = {row(i + ahead), row(i + ahead + 1), row(i + ahead + 2), row(i + ahead + 3)};
    if (n - i < 4) return compare_all<Kernel>(query, rows, n - i, bytes, out + i);
    if constexpr (Kernel::kAskRest) {
      Kernel::compare_ahead(query, rows, next, bytes, out + i);
    } else {
      for (const unsigned char* soon : next) prefetch(soon, bytes);
      Kernel::template compare<4>(query, rows, bytes, out + i);
    }
  }
}

template <class Lanes>
float dot(const float* a, const float* b, std::size_t dimensions) {
  typename Lanes::Vec sum = Lanes::zero();
  for (std::size_t d = 0; d < dimensions; d += 16) {
    sum = OneMinusDot<Lanes>::accumulate(sum, Lanes::load(a + d), Lanes::load(b + d));
  }
  return Lanes::sum(sum);
}

// Adding 1.5 * 2^23 rounds to a whole number, ties to even, and leaves it in the low bits, two's complement.
template <class Lanes>
float encode(const float* vector, const float* origin, float inverse_step, float lowest, float highest,
             std::size_t dimensions, unsigned char* codes) {
  const typename Lanes::Vec factor = Lanes::same(inverse_step), low = Lanes::same(lowest), high = Lanes::same(highest);
  const typename Lanes::Vec whole = Lanes::same(0x1.8p23f);
  typename Lanes::Vec squares = Lanes::zero();
  for (std::size_t d = 0; d < dimensions; d += 16) {
    const typename Lanes::Vec x = Lanes::mul(Lanes::sub(Lanes::load(vector + d), Lanes::load(origin + d)), factor);
    const typename Lanes::Vec held = Lanes::min(Lanes::max(x, low), high);
    Lanes::store_low_bytes(codes + d, Lanes::add(held, whole));
    squares = SquaredL2<Lanes>::accumulate(squares, x, held);
  }
  return Lanes::sum(squares);
}

template <class Kernel>
void keys_of_all(const void* query, const unsigned char* rows, std::size_t n, std::size_t row_bytes,
                 std::uint32_t* out) {
  for (std::size_t i = 0; i < n; i += 4) {
    const unsigned char* four[4];
    for (std::size_t r = 0; r < 4; ++r) four[r] = rows + (i + r < n ? i + r : i) * row_bytes;
    compare_all<Kernel>(query, four, n - i < 4 ? n - i : 4, row_bytes, out + i);
  }
}

template <class Kernel>
constexpr Walks make_walks() {
  return {&search<Kernel>,      nullptr,           &descend<Kernel>, &scan<Kernel>,         &keys_of<Kernel>,
          &keys_of_all<Kernel>, &Kernel::query_of, &prune<Kernel>,   Kernel::clearly_nearer};
}

// Sketches are codes of 4 bits themselves.
template <class Kernel>
constexpr Walks make_sketched_walks() {
  Walks walks = make_walks<Kernel>();
  walks.search_sketched = &search<Kernel, Kernel>;
  return walks;
}

template <class Lanes>
constexpr FloatTable make_floats() {
  using L2 = SquaredL2<Lanes>;
  using Dot = OneMinusDot<Lanes>;
  return {
      {{make_walks<FloatKernel<Lanes, L2, Float32Rows<Lanes>>>(),
        make_walks<FloatKernel<Lanes, Dot, Float32Rows<Lanes>>>()},
       {make_walks<FloatKernel<Lanes, L2, Float8Rows<Lanes>>>(),
        make_walks<FloatKernel<Lanes, Dot, Float8Rows<Lanes>>>()},
       {make_walks<FloatKernel<Lanes, L2, E4M3Rows<Lanes>>>(), make_walks<FloatKernel<Lanes, Dot, E4M3Rows<Lanes>>>()},
       {make_walks<FloatKernel<Lanes, L2, Float16Rows<Lanes>>>(),
        make_walks<FloatKernel<Lanes, Dot, Float16Rows<Lanes>>>()}},
      {make_walks<FloatKernel<Lanes, L2, Float8Rows<Lanes>>>(),
       make_walks<FloatKernel<Lanes, Dot, Float8Rows<Lanes>>>(),
       make_walks<FloatKernel<Lanes, L2, NibbleRows<Lanes>>>()},
      &dot<Lanes>,
      &encode<Lanes>};
}

template <class Bytes>
constexpr Level make_level(const char* name, const FloatTable& floats) {
  return {name,
          &floats,
          {make_walks<DifferenceKernel<Bytes>>(), make_walks<ProductKernel<Bytes>>(),
           make_sketched_walks<NibbleKernel<Bytes>>()}};
}

}  // namespace
}  // namespace nearfield
