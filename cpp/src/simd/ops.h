// The arithmetic of a distance, and how a row of each storage becomes lanes. A new metric or storage is
// one struct here and one line in walk/level_table.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearfield {
namespace {

// accumulate: one step of 16 dimensions. finish: the sum as a distance, smaller is nearer; `scale`
// undoes what the storage multiplied (1, or 1/127 per factor for Float8).
template <class Lanes>
struct SquaredL2 {
  using Vec = typename Lanes::Vec;
  static Vec accumulate(Vec sum, Vec query, Vec row) {
    const Vec difference = Lanes::sub(query, row);
    return Lanes::add(sum, Lanes::mul(difference, difference));
  }
  static float finish(float sum, float scale) { return sum * scale * scale; }
};

template <class Lanes>
struct OneMinusDot {
  using Vec = typename Lanes::Vec;
  static Vec accumulate(Vec sum, Vec query, Vec row) { return Lanes::add(sum, Lanes::mul(query, row)); }
  // Sums beyond float32 may end as infinity less infinity; such a row is as far as can be, on every machine.
  static float finish(float sum, float scale) {
    const float distance = 1.0f - sum * scale * scale;
    return distance == distance ? distance : __builtin_inff();
  }
};

// load: 16 dimensions of a row as lanes. A query of a Float8 index is multiplied by 127 beforehand, so its
// bytes need no scaling here; `scale` (per factor) restores the unit at the end. kInLine: dimensions in 64 bytes.
template <class Lanes>
struct Float32Rows {
  static constexpr std::size_t kInLine = 16;
  static constexpr float kScale = 1.0f;
  static typename Lanes::Vec load(const unsigned char* row, std::size_t dimension) {
    return Lanes::load(reinterpret_cast<const float*>(row) + dimension);
  }
};

template <class Lanes>
struct Float8Rows {
  static constexpr std::size_t kInLine = 64;
  static constexpr float kScale = 1.0f / 127.0f;
  static typename Lanes::Vec load(const unsigned char* row, std::size_t dimension) {
    return Lanes::load_int8(row + dimension);
  }
};

template <class Lanes>
struct E4M3Rows {
  static constexpr std::size_t kInLine = 64;
  static constexpr float kScale = 1.0f;
  static typename Lanes::Vec load(const unsigned char* row, std::size_t dimension) {
    return Lanes::load_e4m3(row + dimension);
  }
};

template <class Lanes>
struct Float16Rows {
  static constexpr std::size_t kInLine = 32;
  static constexpr float kScale = 1.0f;
  static typename Lanes::Vec load(const unsigned char* row, std::size_t dimension) {
    return Lanes::load_float16(row + 2 * dimension);
  }
};

// Codes of 4 bits as the numbers that they are: in each 64 bytes the low halves, then the high ones.
template <class Lanes>
struct NibbleRows {
  static constexpr std::size_t kInLine = 128;
  static constexpr float kScale = 1.0f;
  static typename Lanes::Vec load(const unsigned char* row, std::size_t dimension) {
    return Lanes::load_nibbles(row + dimension / 128 * 64 + dimension % 64, dimension % 128 < 64 ? 0 : 4);
  }
};

}  // namespace
}  // namespace nearfield
