// A float distance as an unsigned number that sorts like it, and back.
#pragma once

#include <cstdint>

namespace nearfield {
namespace {

inline std::uint32_t key_of(float distance) {
  const auto bits = __builtin_bit_cast(std::uint32_t, distance);
  return bits ^ (bits >> 31 != 0 ? 0xFFFFFFFFu : 0x80000000u);
}

inline float distance_of(std::uint32_t key) {
  return __builtin_bit_cast(float, key ^ (key >> 31 != 0 ? 0x80000000u : 0xFFFFFFFFu));
}

}  // namespace
}  // namespace nearfield
