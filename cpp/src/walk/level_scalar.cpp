#include "simd/bytes_scalar.h"
#include "simd/lanes_scalar.h"
#include "walk/level_table.h"

namespace nearfield {

extern const FloatTable floats_scalar;
constexpr FloatTable floats_scalar = make_floats<ScalarLanes>();

extern const Level level_scalar;
constexpr Level level_scalar = make_level<ScalarBytes>("scalar", floats_scalar);

}  // namespace nearfield
