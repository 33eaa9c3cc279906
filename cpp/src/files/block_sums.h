// The XXH64 of each 64 KiB block of a section, fed in pieces of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "files/format.h"
#include "hash.h"

namespace nearfield {

class BlockSums {
 public:
  void feed(const std::byte* data, std::size_t bytes);
  std::vector<std::uint64_t> finish();  // of all blocks, the last of which may be short; starts anew

 private:
  Xxh64 hash_;
  std::size_t in_block_ = 0;  // bytes of the present block so far
  std::vector<std::uint64_t> sums_;
};

}  // namespace nearfield
