#include "simd/lanes_neon.h"
#include "walk/level_table.h"

namespace nearfield {

extern const Level level_neon;
constexpr Level level_neon = make_level<NeonLanes>("neon");

}  // namespace nearfield
