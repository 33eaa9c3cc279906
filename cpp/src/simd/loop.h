// The one reduction loop over float lanes: a query against N rows at once.
//
// Each row is summed in 16 virtual lanes and a fixed tree, multiplication and addition separate, so its
// distance does not depend on N, on the instruction set or on the compiler. One row alone is bound by
// the latency of its chain of additions (3 to 4 cycles per 16 dimensions); four rows in step hide it
// and share the loads of the query. There is no tail: rows and queries are padded with zeros to 16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

template <class Lanes, class Op, class Rows, int N>
inline void reduce(const float* query, const unsigned char* const* rows, std::size_t dimensions, float* out) {
  typename Lanes::Vec sums[N];
  for (int r = 0; r < N; ++r) sums[r] = Lanes::zero();
  for (std::size_t d = 0; d < dimensions; d += 16) {
    const typename Lanes::Vec q = Lanes::load(query + d);
    for (int r = 0; r < N; ++r) sums[r] = Op::accumulate(sums[r], q, Rows::load(rows[r], d));
  }
  for (int r = 0; r < N; ++r) out[r] = Op::finish(Lanes::sum(sums[r]), Rows::kScale);
}

// Four rows, and while they are read four others are asked of memory: those that are compared next. A line of each
// per step keeps as many lines in flight as a core can, without a burst that queues before what is needed now: 8 to 12
// % fewer nanoseconds a query over 384 and 784 dimensions (Emerald Rapids, 2026-11).
template <class Lanes, class Op, class Rows>
inline void reduce_ahead(const float* query, const unsigned char* const* rows, const unsigned char* const* next,
                         std::size_t dimensions, float* out) {
  typename Lanes::Vec sums[4];
  for (int r = 0; r < 4; ++r) sums[r] = Lanes::zero();
  for (std::size_t d = 0; d < dimensions; d += 16) {
    const typename Lanes::Vec q = Lanes::load(query + d);
    if (d % Rows::kInLine == 0) {
      for (int r = 0; r < 4; ++r) __builtin_prefetch(next[r] + d / Rows::kInLine * 64);
    }
    for (int r = 0; r < 4; ++r) sums[r] = Op::accumulate(sums[r], q, Rows::load(rows[r], d));
  }
  for (int r = 0; r < 4; ++r) out[r] = Op::finish(Lanes::sum(sums[r]), Rows::kScale);
}

}  // namespace
}  // namespace nearfield
