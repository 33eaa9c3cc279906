#include "simd/bytes_avx512.h"
#include "simd/lanes_avx512.h"
#include "walk/level_table.h"

namespace nearfield {

extern const FloatTable floats_avx512;
constexpr FloatTable floats_avx512 = make_floats<Avx512Lanes>();

extern const Level level_avx512;
constexpr Level level_avx512 = make_level<Avx512Bytes>("avx512", floats_avx512);

}  // namespace nearfield
