#include "files/output.h"

#include <algorithm>
#include <array>

namespace nearfield {
namespace {

constexpr std::size_t kGathered = std::size_t{1} << 18;  // pieces below this wait for others
constexpr std::size_t kLargest = std::size_t{1} << 20;   // a sink may copy what it gets, beside an index of any size

}  // namespace

void Output::put(const void* data, std::size_t bytes) {
  const auto* next = static_cast<const std::byte*>(data);
  position_ += bytes;
  if (buffer_.size() + bytes <= kGathered) {
    buffer_.insert(buffer_.end(), next, next + bytes);
    return;
  }
  flush();
  for (; bytes > kGathered; next += std::min(bytes, kLargest), bytes -= std::min(bytes, kLargest)) {
    sink_(next, std::min(bytes, kLargest));
  }
  buffer_.insert(buffer_.end(), next, next + bytes);
}

void Output::pad_to(std::uint64_t position) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  while (position_ < position) put(kZeros.data(), std::min<std::uint64_t>(kZeros.size(), position - position_));
}

void Output::flush() {
  if (!buffer_.empty()) sink_(buffer_.data(), buffer_.size());
  buffer_.clear();
}

}  // namespace nearfield
