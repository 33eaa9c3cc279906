#include "simd/bytes_neon.h"
#include "simd/lanes_neon.h"
#include "walk/level_table.h"

namespace nearfield {

extern const Level level_neon;
constexpr Level level_neon = make_level<NeonLanes, NeonBytes>("neon");

}  // namespace nearfield
