// Everything one SIMD level can do, put into its table. Included by the level files only.
#pragma once

#include "simd/loop.h"
#include "simd/ops.h"
#include "walk/prune.h"
#include "walk/search.h"
#include "walk/view.h"

namespace nearfield {
namespace {

template <class Lanes, class Op, class Rows>
void distances_to(const WalkView& view, const float* query, const std::uint32_t* slots, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; i += 8) {
    const unsigned char* rows[8];
    const std::size_t batch = n - i < 8 ? n - i : 8;
    for (std::size_t r = 0; r < batch; ++r) {
      rows[r] = view.vectors.row(slots[i + r]);
      prefetch_lines(rows[r], view.dimensions * Rows::kElementBytes);
    }
    distances<Lanes, Op, Rows>(query, rows, batch, view.dimensions, out + i);
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

template <class Lanes, class Op, class Rows>
constexpr Walks make_walks() {
  return {&descend<Lanes, Op, Rows>, &search<Lanes, Op, Rows>, &scan<Lanes, Op, Rows>, &distances_to<Lanes, Op, Rows>,
          &prune<Lanes, Op, Rows>};
}

template <class Lanes>
constexpr Level make_level(const char* name) {
  using L2 = SquaredL2<Lanes>;
  using Dot = OneMinusDot<Lanes>;
  return {name,
          {{make_walks<Lanes, L2, Float32Rows<Lanes>>(), make_walks<Lanes, Dot, Float32Rows<Lanes>>()},
           {make_walks<Lanes, L2, Float8Rows<Lanes>>(), make_walks<Lanes, Dot, Float8Rows<Lanes>>()},
           {make_walks<Lanes, L2, E4M3Rows<Lanes>>(), make_walks<Lanes, Dot, E4M3Rows<Lanes>>()}},
          &dot<Lanes>};
}

}  // namespace
}  // namespace nearfield
