// Counts what operator new gives out in the test binary, so that a test can say "none".
#pragma once

#include <cstdint>

namespace nearfield::test {

std::uint64_t allocations();  // since the start of the process, on all threads

}  // namespace nearfield::test
