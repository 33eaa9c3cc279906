#include "files/block_sums.h"

#include <algorithm>
#include <utility>

namespace nearfield {

void BlockSums::feed(const std::byte* data, std::size_t bytes) {
  while (bytes > 0) {
    const std::size_t piece = std::min(bytes, format::kBlockBytes - in_block_);
    hash_.update(data, piece);
    data += piece;
    bytes -= piece;
    in_block_ += piece;
    if (in_block_ < format::kBlockBytes) return;
    sums_.push_back(hash_.digest());
    hash_ = Xxh64();
    in_block_ = 0;
  }
}

std::vector<std::uint64_t> BlockSums::finish() {
  if (in_block_ > 0) sums_.push_back(hash_.digest());
  hash_ = Xxh64();
  in_block_ = 0;
  return std::exchange(sums_, {});
}

}  // namespace nearfield
