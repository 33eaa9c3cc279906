// NEON with a dot product of bytes in one instruction: floats are walked as at level neon, by the same code.
#include "simd/bytes_neondot.h"
#include "walk/level_table.h"

namespace nearfield {

extern const FloatTable floats_neon;

extern const Level level_neondot;
constexpr Level level_neondot = make_level<NeonDotBytes>("neondot", floats_neon);

}  // namespace nearfield
