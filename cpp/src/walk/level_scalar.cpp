#include "simd/bytes_scalar.h"
#include "simd/lanes_scalar.h"
#include "walk/level_table.h"

namespace nearfield {

extern const Level level_scalar;
constexpr Level level_scalar = make_level<ScalarLanes, ScalarBytes>("scalar");

}  // namespace nearfield
