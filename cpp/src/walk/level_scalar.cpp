#include "simd/lanes_scalar.h"
#include "walk/level_table.h"

namespace nearfield {

extern const Level level_scalar;
constexpr Level level_scalar = make_level<ScalarLanes>("scalar");

}  // namespace nearfield
