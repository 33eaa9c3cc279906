#include "simd/bytes_avx2.h"
#include "simd/lanes_avx2.h"
#include "walk/level_table.h"

namespace nearfield {

extern const FloatTable floats_avx2;
constexpr FloatTable floats_avx2 = make_floats<Avx2Lanes>();

extern const Level level_avx2;
constexpr Level level_avx2 = make_level<Avx2Bytes>("avx2", floats_avx2);

}  // namespace nearfield
