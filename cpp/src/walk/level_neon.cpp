#include "simd/bytes_neon.h"
#include "simd/lanes_neon.h"
#include "walk/level_table.h"

namespace nearfield {

extern const FloatTable floats_neon;
constexpr FloatTable floats_neon = make_floats<NeonLanes>();

extern const Level level_neon;
constexpr Level level_neon = make_level<NeonBytes>("neon", floats_neon);

}  // namespace nearfield
