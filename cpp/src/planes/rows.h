// How a row is found: the segments of a plane as kernels and walks see them. Plain integers only: this
// header is compiled once per SIMD level, and always inlined so that no level's copy can be linked into
// another's code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearfield {

inline constexpr unsigned kFirstSegmentBits = 4;  // 16 rows in the first segment
inline constexpr unsigned kNumSegments = 31 - kFirstSegmentBits + 1;

// Which segment a slot lies in: 0 for 0-15, then one more for each doubling. With the last bit that the first segment
// counts with set, its slots are no case of their own.
[[gnu::always_inline]] constexpr unsigned segment_of(std::size_t slot) {
  const auto bits = static_cast<std::uint32_t>(slot) | 1u << (kFirstSegmentBits - 1);
  return 32 - kFirstSegmentBits - static_cast<unsigned>(__builtin_clz(bits));
}
constexpr std::size_t segment_begin(unsigned segment) {
  return segment == 0 ? 0 : std::size_t{1} << (segment - 1 + kFirstSegmentBits);
}
constexpr std::size_t segment_end(unsigned segment) { return std::size_t{1} << (segment + kFirstSegmentBits); }

// row(slot) = bases[segment_of(slot)] + slot * stride. The bases are biased, i.e. already lessened by
// the segment's first slot, hence integers.
struct RowsView {
  const std::uintptr_t* bases = nullptr;  // kNumSegments + 1 entries, owned by the plane
  std::size_t stride = 0;                 // bytes

  [[gnu::always_inline]] const unsigned char* row(std::size_t slot) const {
    return reinterpret_cast<const unsigned char*>(bases[segment_of(slot)] + slot * stride);
  }
};

}  // namespace nearfield
