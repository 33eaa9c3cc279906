// Which instruction sets the walk was compiled for, which of them this CPU has, and which is in use.
#pragma once

#include <string>
#include <vector>

namespace nearfield::simd {

// Names of the levels that this build holds and this CPU can run, slowest first: "scalar" always, then
//   x86-64   avx2; avxvnni (AVX2 and AVX-VNNI); avx512 (F, BW, VL and VNNI: without VNNI, avx2 it is)
//   ARM64    neon; neondot (with the dot product of ARMv8.2)
std::vector<std::string> available();

// The level in use by the indexes made from now on.
std::string active();

// Choose a level by name. Throws InvalidInput when it is unknown or the CPU lacks it.
// Called once, at import, with the value of NEARFIELD_SIMD; an index keeps the level it was made with.
void force(const std::string& name);

}  // namespace nearfield::simd
