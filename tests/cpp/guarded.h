// Memory whose last byte is followed by a page that must not be touched.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>

namespace nearfield::test {

class Guarded {
 public:
  explicit Guarded(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes + page - 1) / page * page + page;
    base_ = static_cast<std::byte*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + mapped_ - page, page, PROT_NONE);
    data_ = base_ + mapped_ - page - bytes;
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { munmap(base_, mapped_); }
  std::byte* data() const { return data_; }
  unsigned char* bytes() const { return reinterpret_cast<unsigned char*>(data_); }

 private:
  std::byte* base_;
  std::byte* data_;
  std::size_t mapped_;
};

}  // namespace nearfield::test
