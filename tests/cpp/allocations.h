// Counts what operator new gives out in the test binary, so that a test can say "none".
#pragma once

#include <cstdint>

namespace nearfield::test {

std::uint64_t allocations();  // since the start of the process, on all threads
// The n-th allocation from now on fails with bad_alloc, once; 0 = none does.
void fail_allocation(std::uint64_t n);

}  // namespace nearfield::test
