#include "simd/bytes_avx2.h"
#include "simd/lanes_avx2.h"
#include "walk/level_table.h"

namespace nearfield {

extern const Level level_avx2;
constexpr Level level_avx2 = make_level<Avx2Lanes, Avx2Bytes>("avx2");

}  // namespace nearfield
