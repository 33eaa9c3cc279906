#include "files/block_guard.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "files/fault.h"
#include "files/format.h"
#include "hash.h"

namespace nearfield {

using format::kBlockBytes;

void BlockGuard::add_section(const std::byte* data, std::uint64_t bytes, std::uint64_t offset, const char* name,
                             std::vector<std::uint64_t> sums) {
  sections_.push_back({data, bytes, offset, name, sums_.size()});
  sums_.insert(sums_.end(), sums.begin(), sums.end());
  checked_ = std::vector<std::atomic<std::uint64_t>>((sums_.size() + 63) / 64);
}

void BlockGuard::add_unread(Block block, std::uint64_t bytes, std::uint64_t offset, const char* name,
                            std::vector<std::uint64_t> sums) {
  unread_.push_back(std::move(block));
  add_section(unread_.back().data(), bytes, offset, name, std::move(sums));
}

bool BlockGuard::is_checked(std::size_t block) const noexcept {
  // Acquire: whoever set the bit has read the block, so what we read now is what was summed.
  return (checked_[block / 64].load(std::memory_order_acquire) >> (block % 64) & 1) != 0;
}

bool BlockGuard::check(const void* data, std::size_t bytes) const noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  for (const Section& section : sections_) {
    const std::uint64_t begin = address - reinterpret_cast<std::uintptr_t>(section.data);
    if (begin >= section.bytes) continue;  // also when the address is below: the difference wraps around
    const std::uint64_t last = (std::min(begin + std::max<std::uint64_t>(bytes, 1), section.bytes) - 1) / kBlockBytes;
    for (std::uint64_t block = begin / kBlockBytes; block <= last; ++block) {
      if (!is_checked(section.first_block + block) && !check_block(section, block)) return false;
    }
    return true;
  }
  return true;
}

bool BlockGuard::check_block(const Section& section, std::uint64_t block) const noexcept {
  const std::size_t number = section.first_block + block;
  begin_summing();
  if (all_checked_.load() || is_checked(number)) {  // sequentially consistent, as verify_all's store and load are
    summing_.fetch_sub(1);
    return true;
  }
  const std::uint64_t begin = block * kBlockBytes;
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockBytes, section.bytes - begin));
  const bool good = xxh64(section.data + begin, bytes) == sums_[number];
  summing_.fetch_sub(1);
  if (!good) {
    std::uint64_t none = kNone;
    first_corrupt_.compare_exchange_strong(none, number);
    return false;
  }
  checked_[number / 64].fetch_or(std::uint64_t{1} << (number % 64), std::memory_order_release);
  return true;
}

void BlockGuard::verify_all() {
  if (settled_.load(std::memory_order_acquire)) return;
  const std::scoped_lock verifying(verify_mutex_);
  if (settled_.load(std::memory_order_acquire)) return;
  for (const Section& section : sections_) {
    for (std::uint64_t block = 0; block < format::num_blocks(section.bytes); ++block) {
      if (!is_checked(section.first_block + block) && !check_block(section, block)) throw_corrupt();
    }
  }
  if (content_check_) content_check_();
  all_checked_.store(true);
  while (is_summing()) std::this_thread::yield();  // microseconds: a block of 64 KiB each
  settled_.store(true, std::memory_order_release);
}

void BlockGuard::begin_summing() const noexcept {
  const auto process = static_cast<std::uint64_t>(::getpid()) << 32;
  std::uint64_t before = summing_.load();
  std::uint64_t after = 0;
  do {  // what a parent's threads were at when this process was forked does not count
    after = (before >> 32 << 32) == process ? before + 1 : process + 1;
  } while (!summing_.compare_exchange_weak(before, after));
}

bool BlockGuard::is_summing() const noexcept {
  const std::uint64_t now = summing_.load();
  return now >> 32 == static_cast<std::uint64_t>(::getpid()) && static_cast<std::uint32_t>(now) > 0;
}

void BlockGuard::throw_corrupt() const {
  const std::uint64_t number = first_corrupt_.load();
  for (const Section& section : sections_) {
    const std::uint64_t block = number - section.first_block;
    if (number == kNone || block >= format::num_blocks(section.bytes)) continue;
    nearfield::throw_corrupt(file_, section.offset + block * kBlockBytes, section.name,
                             "a block whose checksum is wrong", "the bytes that were written");
  }
  nearfield::throw_corrupt(file_, 0, "links", "such that a walk leaves the graph", "rows that exist");
}

}  // namespace nearfield
