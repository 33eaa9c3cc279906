#include "planes/plane.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "nearfield/error.h"

namespace nearfield {
namespace {

constexpr std::align_val_t kAlignment{64};
// From here on memory comes from the system: zero pages cost nothing until they are touched, and a
// huge page (2 MiB) can back them.
constexpr std::size_t kSystemBytes = std::size_t{1} << 20;
constexpr std::size_t kHugePage = std::size_t{1} << 21;

std::size_t whole_pages(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// A huge page backs only what begins where one begins: from there on, the rest is given back.
std::byte* map_anonymous(std::size_t bytes) {
  const std::size_t spare = bytes >= kHugePage ? kHugePage : 0;
  void* data = mmap(nullptr, bytes + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(data);
  if (spare == 0) return begin;
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before > 0) munmap(begin, before);
  if (spare > before) munmap(begin + before + bytes, spare - before);
  return begin + before;
}

}  // namespace

Block Block::anonymous(std::size_t bytes) {
  Block block;
  if (bytes >= kSystemBytes) {
    block.bytes_ = whole_pages(bytes);
    block.data_ = map_anonymous(block.bytes_);
    block.from_system_ = true;
#ifdef MADV_HUGEPAGE
    madvise(block.data_, block.bytes_, MADV_HUGEPAGE);  // a wish: failure changes only speed
#endif
  } else {
    block.bytes_ = bytes;
    block.data_ = static_cast<std::byte*>(::operator new(bytes, kAlignment));
    std::memset(block.data_, 0, bytes);
  }
  return block;
}

Block Block::mapped(int fd, std::uint64_t offset, std::size_t file_bytes, std::size_t bytes) {
  Block block;
  block.bytes_ = whole_pages(std::max(file_bytes, bytes));
  block.data_ = map_anonymous(block.bytes_);
  block.from_system_ = true;
  if (file_bytes == 0) return block;
  void* data = mmap(block.data_, file_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
                    static_cast<off_t>(offset));
  if (data == MAP_FAILED) {
    const int error = errno;
    throw FileNotAccessible(std::string("the file cannot be mapped: ") + std::strerror(error), error);
  }
  return block;
}

Block::~Block() {
  if (data_ == nullptr) return;
  if (from_system_) {
    munmap(data_, bytes_);
  } else {
    ::operator delete(data_, kAlignment);
  }
}

void Block::swap(Block& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(from_system_, other.from_system_);
}

Plane::Plane(std::size_t row_bytes) : row_bytes_(row_bytes) {}

std::size_t Plane::reserved_bytes() const {
  std::size_t sum = 0;
  for (const Block& block : blocks_) sum += block.bytes();
  return sum;
}

void Plane::append_segment(Block block, std::size_t first_row, std::size_t end_row) {
  const auto biased = reinterpret_cast<std::uintptr_t>(block.data()) - first_row * row_bytes_;
  blocks_.push_back(std::move(block));
  for (unsigned segment = segment_of(first_row); segment <= segment_of(end_row - 1); ++segment) {
    bases_[segment] = biased;
  }
  capacity_ = end_row;
}

void Plane::swap(Plane& other) noexcept {
  bases_.swap(other.bases_);
  blocks_.swap(other.blocks_);
  capacity_ = other.capacity_.exchange(capacity_);
}

void Plane::grow(std::size_t rows) {
  while (capacity_ < rows) {
    const unsigned segment = segment_of(capacity_);
    const std::size_t end = segment_end(segment);
    append_segment(Block::anonymous((end - capacity_) * row_bytes_), capacity_, end);
  }
}

void Plane::map(int fd, std::uint64_t offset, std::size_t rows) {
  if (rows == 0) return;
  const std::size_t end = segment_end(segment_of(rows - 1));
  Block block = Block::mapped(fd, offset, rows * row_bytes_, end * row_bytes_);
  append_segment(std::move(block), 0, end);
}

void Plane::for_each_run(std::size_t first, std::size_t last, const Run& visit) {
  while (first < last) {
    const unsigned segment = segment_of(first);
    const std::size_t end = std::min(last, segment_end(segment));
    visit(row(first), first, end - first);
    first = end;
  }
}

void Plane::for_each_run(std::size_t first, std::size_t last, const ConstRun& visit) const {
  while (first < last) {
    const unsigned segment = segment_of(first);
    const std::size_t end = std::min(last, segment_end(segment));
    visit(row(first), first, end - first);
    first = end;
  }
}

}  // namespace nearfield
