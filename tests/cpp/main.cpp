// Runs the native tests: nearfield_tests [word ...]. Prints the SIMD levels that it runs at first, and
// "N passed, N failed" as its last line.
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>

#include "check.h"
#include "nearfield/cpu.h"

namespace nearfield::test {
namespace {

struct NamedCase {
  std::string name;
  void (*run)();
};

std::vector<NamedCase>& cases() {
  static std::vector<NamedCase> all;
  return all;
}

std::mutex failures_mutex;  // protects failures
int failures = 0;           // of the running case

constexpr int kMostPrinted = 20;  // failures per case

bool is_asked_for(const std::string& name, int argc, char** argv) {
  bool asked = argc < 2;
  for (int i = 1; i < argc; ++i) asked = asked || name.find(argv[i]) != std::string::npos;
  return asked;
}

bool passes(const NamedCase& named) {
  failures = 0;
  const auto begin = std::chrono::steady_clock::now();
  try {
    named.run();
  } catch (const std::exception& error) {
    fail(std::string("threw: ") + error.what(), Where::current());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%-6s %s (%.2f s)\n", failures == 0 ? "ok" : "FAILED", named.name.c_str(), took.count());
  std::fflush(stdout);
  return failures == 0;
}

}  // namespace

Group::Group(const char* group, std::initializer_list<Case> group_cases) {
  for (const Case& one : group_cases) cases().push_back({std::string(group) + ": " + one.name, one.run});
}

void fail(const std::string& message, const Where& where) {
  const std::scoped_lock lock(failures_mutex);
  if (++failures <= kMostPrinted) std::printf("  %s:%u: %s\n", where.file_name(), where.line(), message.c_str());
}

}  // namespace nearfield::test

int main(int argc, char** argv) {
  using namespace nearfield::test;
  for (const std::string& level : nearfield::simd::available()) std::printf("level %s\n", level.c_str());
  int passed = 0;
  int failed = 0;
  for (const NamedCase& named : cases()) {
    if (is_asked_for(named.name, argc, argv)) ++(passes(named) ? passed : failed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
