// Counts what operator new gives out in the test binary, so that a test can say "none".
#pragma once

#include <cstdint>
#include <new>

namespace nearfield::test {

std::uint64_t allocations();  // since the start of the process, on all threads
// The n-th allocation from now on fails with bad_alloc, once; 0 = none does.
void fail_allocation(std::uint64_t n);

// Whether `body` ends in bad_alloc when its n-th allocation fails.
template <class Body>
bool runs_out_of_memory(std::uint64_t n, const Body& body) {
  bool failed = false;
  fail_allocation(n);
  try {
    body();
  } catch (const std::bad_alloc&) {
    failed = true;
  }
  fail_allocation(0);
  return failed;
}

}  // namespace nearfield::test
