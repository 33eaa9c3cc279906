// AVX2 with a dot product of bytes in one instruction: floats are walked as at level avx2, by the same code.
#include "simd/bytes_avxvnni.h"
#include "walk/level_table.h"

namespace nearfield {

extern const FloatTable floats_avx2;

extern const Level level_avxvnni;
constexpr Level level_avxvnni = make_level<AvxVnniBytes>("avxvnni", floats_avx2);

}  // namespace nearfield
