// The log of what may be among the nearest, by codes that round: what is in doubt.
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk/select.h"
#include "walk/view.h"

namespace nearfield {
namespace {

// The key up to which a row may be among the nearest, where the k-th has this one.
inline std::uint64_t doubtful_until(const Doubt& doubt, std::uint32_t key) {
  const double limit = key + doubt.flat + doubt.rising * __builtin_sqrt(static_cast<double>(key));
  return limit < 4294967295.0 ? std::uint64_t{static_cast<std::uint32_t>(limit)} << 32 | 0xFFFFFFFFu
                              : ~std::uint64_t{0};
}

// Keep the log within its bounds: what is in doubt no more goes, and where that does not help, the furthest.
inline void shorten_log(WalkScratch& scratch, std::uint64_t limit) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < scratch.num_logged; ++i) {
    scratch.log[kept] = scratch.log[i];
    kept += scratch.log[kept] <= limit;
  }
  scratch.num_logged = kept;
  if (kept <= scratch.log_capacity) return;
  scratch.undecided = true;
  select_smallest(scratch.log, kept, scratch.log_capacity);
  scratch.num_logged = scratch.log_capacity;
}

// Not before it is half too long: where nothing leaves it, a shortening is paid for by as many new entries.
inline void bound_log(WalkScratch& scratch, std::uint64_t limit) {
  if (scratch.num_logged > scratch.log_capacity + scratch.log_capacity / 2) shorten_log(scratch, limit);
}

}  // namespace
}  // namespace nearfield
