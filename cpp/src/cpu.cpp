#include "nearfield/cpu.h"

#include <atomic>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

#include "nearfield/error.h"
#include "walk/metric.h"
#include "walk/view.h"

namespace nearfield {

extern const Level level_scalar;
#if defined(__x86_64__)
extern const Level level_avx2;
extern const Level level_avxvnni;
extern const Level level_avx512;
#elif defined(__aarch64__)
extern const Level level_neon;
extern const Level level_neondot;
#endif

namespace {

#if defined(__x86_64__)
// Both asked of the CPU, since clang's built-in learnt the names only later. Whether the system saves the registers is
// part of the question for AVX2.
bool has_f16c() {
  constexpr unsigned kF16c = 1u << 29;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(1, 0, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kF16c) != 0;
}

bool has_avxvnni() {
  constexpr unsigned kAvxVnni = 1u << 4;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  const bool has_more = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && eax >= 1;
  return has_more && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & kAvxVnni) != 0;
}
#elif defined(__aarch64__) && defined(__linux__)
bool has_dot_product() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
#elif defined(__aarch64__)
bool has_dot_product() { return false; }  // no one way to ask
#endif

// What this CPU can run, slowest first. The compiler's built-in also asks the system whether it saves
// the wide registers (XGETBV).
std::vector<const Level*> runnable_levels() {
  std::vector<const Level*> levels{&level_scalar};
#if defined(__x86_64__)
  const bool has_avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && has_f16c();
  if (has_avx2) levels.push_back(&level_avx2);
  if (has_avx2 && has_avxvnni()) levels.push_back(&level_avxvnni);
  if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni")) {
    levels.push_back(&level_avx512);
  }
#elif defined(__aarch64__)
  levels.push_back(&level_neon);  // part of armv8-a
  if (has_dot_product()) levels.push_back(&level_neondot);
#endif
  return levels;
}

// One of the three process globals; the others are the thread pool and the number of forks.
std::atomic<const Level*>& chosen_level() {
  static std::atomic<const Level*> chosen{runnable_levels().back()};
  return chosen;
}

}  // namespace

const Level& active_level() { return *chosen_level().load(std::memory_order_relaxed); }

namespace simd {

std::vector<std::string> available() {
  std::vector<std::string> names;
  for (const Level* level : runnable_levels()) names.emplace_back(level->name);
  return names;
}

std::string active() { return active_level().name; }

void force(const std::string& name) {
  std::string known;
  for (const Level* level : runnable_levels()) {
    if (name == level->name) {
      chosen_level().store(level, std::memory_order_relaxed);
      return;
    }
    known += (known.empty() ? "" : ", ") + std::string(level->name);
  }
  throw InvalidInput("SIMD level '" + name + "' is not available on this CPU; available: " + known +
                     " (unset NEARFIELD_SIMD to use the fastest)");
}

}  // namespace simd
}  // namespace nearfield
