// Checks the 64 KiB blocks of a mapped file when they are first touched, from any number of threads.
//
// Until verify_all() has run, a reader calls touch() before it reads mapped bytes, and a link found there
// may still name a slot that does not exist. Afterwards the file is as good as one that was read whole, and rows
// may be written. Whoever wants to write calls verify_all() first.
//
// A file that is cut off by somebody else after it was mapped is not handled: the system then ends the
// process (SIGBUS). Replace files by renaming, as save() does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "planes/plane.h"

namespace nearfield {

class BlockGuard {
 public:
  explicit BlockGuard(std::string file) : file_(std::move(file)) {}
  const std::string& file() const { return file_; }

  // Before any thread reads: `bytes` bytes at `data` are a section that stands at `offset` of the file, and the
  // sums of its blocks.
  void add_section(const std::byte* data, std::uint64_t bytes, std::uint64_t offset, const char* name,
                   std::vector<std::uint64_t> sums);
  // The same of a mapped section that no plane holds: only verify_all() reads it.
  void add_unread(Block block, std::uint64_t bytes, std::uint64_t offset, const char* name,
                  std::vector<std::uint64_t> sums);
  // What verify_all() calls after all blocks are good: throws CorruptIndexFile where their content is not.
  void set_content_check(std::function<void()> check) { content_check_ = std::move(check); }

  // False when a block that holds some of the bytes is damaged. True for bytes outside the mapped sections. About two
  // nanoseconds once a block is known. `context` is a BlockGuard.
  static bool touch(const void* context, const void* data, std::size_t bytes) noexcept {
    return static_cast<const BlockGuard*>(context)->check(data, bytes);
  }

  // Check everything now, once. Throws CorruptIndexFile(offset, field). Other threads may read meanwhile.
  void verify_all();
  // verify_all() has succeeded: there is no need to touch() any more.
  bool all_checked() const noexcept { return all_checked_.load(std::memory_order_acquire); }

  // After touch() was false, or a link was found that cannot be: CorruptIndexFile of the first damaged block.
  [[noreturn]] void throw_corrupt() const;

 private:
  struct Section {
    const std::byte* data;
    std::uint64_t bytes;
    std::uint64_t offset;
    const char* name;
    std::size_t first_block;  // its number among the blocks of all sections
  };

  bool check(const void* data, std::size_t bytes) const noexcept;
  bool check_block(const Section& section, std::uint64_t block) const noexcept;
  bool is_checked(std::size_t block) const noexcept;
  void begin_summing() const noexcept;
  bool is_summing() const noexcept;

  std::string file_;
  std::vector<Section> sections_;
  std::vector<Block> unread_;                                // the memory of some of them
  std::vector<std::uint64_t> sums_;                          // of the blocks of all sections
  mutable std::vector<std::atomic<std::uint64_t>> checked_;  // a bit a block: it was good
  mutable std::atomic<std::uint64_t> first_corrupt_{kNone};  // number of the block found damaged first
  std::atomic<bool> all_checked_{false};
  std::atomic<bool> settled_{false};  // all is checked and nobody sums a block any more: it may be written
  std::function<void()> content_check_;
  std::mutex verify_mutex_;  // one thread checks everything, others wait for it
  // The process id << 32 | how many of its threads sum a block now. verify_all waits at its end for them: nobody sums a
  // block that may be written. No lock, since a forked child would inherit one that threads it does not have hold.
  mutable std::atomic<std::uint64_t> summing_{0};

  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
};

}  // namespace nearfield
