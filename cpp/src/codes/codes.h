// Encode and decode one row of each storage. Every encoding takes the nearest value, ties to even.
//
//   Float32  as it is
//   Float8   signed byte b stands for b / 127; accepts [-128/127, 1]
//   E4M3     0bMMMEEEES: sign S (bit 0), exponent e (bits 1-4), mantissa m (bits 5-7)
//            e = 0: m * 2^-10;  e >= 1: (1 + m/8) * 2^(e-7);  e = 15 and m = 7: NaN, never written
//            accepts [-448, 448]. Nothing lies between 7 * 2^-10 and 2^-6: the step below is
//            finer than that of the OCP format, which is how Voyager's files are.
//   Float16  IEEE binary16, the numbers below 2^-14 included; accepts [-65504, 65504]
//   CodesOnly  float32, of the rows that the grid of the codes is fitted to; the codes are those of codes/grid.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "nearfield/types.h"

namespace nearfield {

// Dimensions as kept: padded with zeros to a whole step of 16 virtual lanes, so no kernel has a tail.
constexpr std::size_t padded_dimensions(std::size_t dimensions) { return (dimensions + 15) / 16 * 16; }
constexpr std::size_t element_bytes(Storage storage) {
  if (storage == Storage::Float32 || storage == Storage::CodesOnly) return 4;
  return storage == Storage::Float16 ? 2 : 1;
}

struct Range {
  float lowest, highest;  // of a component that can be stored; both finite
};
Range range_of(Storage storage);

void encode_row(Storage storage, const float* vector, std::size_t n, std::byte* row);
void decode_row(Storage storage, const std::byte* row, std::size_t n, float* vector);

std::uint8_t encode_e4m3(float value);  // |value| <= 448
float decode_e4m3(std::uint8_t byte);   // NaN for 0bMMMEEEES = 0b1111111x

std::uint16_t encode_float16(float value);  // |value| <= 65504
float decode_float16(std::uint16_t bits);

}  // namespace nearfield
