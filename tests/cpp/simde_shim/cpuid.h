// Stands in for the compiler's <cpuid.h> in the emulated build (NEARFIELD_SIMDE): a CPU that claims everything.
#pragma once

inline int __get_cpuid_count(unsigned, unsigned, unsigned* eax, unsigned* ebx, unsigned* ecx, unsigned* edx) {
  *eax = *ebx = *ecx = *edx = ~0u;
  return 1;
}
