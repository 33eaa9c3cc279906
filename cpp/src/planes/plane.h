// A plane: rows of equal size that grow and never move.
//
// Rows lie in segments that double: slots 0-15, 16-31, 32-63, 64-127, ... A directory of 28 addresses
// finds a row with a count of leading zeros, one load and one multiplication. Growth appends a segment
// and copies nothing, so a reader may keep using row addresses while a writer appends; a small index
// stays small, since a segment is taken when its first row is needed.
//
// A large segment is anonymous memory from the system (zero until touched, huge pages asked for), a
// small one comes from the allocator. A plane can also start as a private mapping of a file: the
// mapping reserves room up to the end of its last segment, so rows are appended behind the mapped
// ones, and a write to a mapped row copies one page (the file is never written).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "nearfield/types.h"
#include "planes/rows.h"

namespace nearfield {

// One allocation; gives its memory back when destroyed.
class Block {
 public:
  Block() = default;
  static Block anonymous(std::size_t bytes);  // zeroed, 64-byte aligned at least
  // The first `file_bytes` bytes are a private mapping of fd at `offset` (a multiple of the page
  // size), the rest up to `bytes` is anonymous.
  static Block mapped(int fd, std::uint64_t offset, std::size_t file_bytes, std::size_t bytes);
  Block(Block&& other) noexcept { swap(other); }
  Block& operator=(Block&& other) noexcept {
    swap(other);
    return *this;
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block();

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void swap(Block& other) noexcept;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  bool from_system_ = false;  // munmap rather than the allocator
};

class Plane {
 public:
  explicit Plane(std::size_t row_bytes);  // new rows consist of zeros
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;

  std::size_t row_bytes() const { return row_bytes_; }
  std::size_t capacity() const {
    return capacity_.load(std::memory_order_acquire);
  }  // rows that can be written without growing
  std::size_t reserved_bytes() const;  // address space taken; resident is at most this

  // Take the rows of another plane of the same row size, which gets these: only where nobody reads either. A reader may
  // meanwhile ask an empty one for its capacity, which is stored last.
  void swap(Plane& other) noexcept;

  // Make rows [0, rows) writable. Never moves a row; safe while others read rows below the old capacity.
  void grow(std::size_t rows);

  // Become rows [0, rows) of a file, where they lie in sequence from `offset` (64 KiB-aligned).
  // Only on an empty plane.
  void map(int fd, std::uint64_t offset, std::size_t rows);

  std::byte* row(std::size_t slot) {
    return reinterpret_cast<std::byte*>(bases_[segment_of(slot)] + slot * row_bytes_);
  }
  const std::byte* row(std::size_t slot) const { return reinterpret_cast<const std::byte*>(view().row(slot)); }
  RowsView view() const { return {bases_.data(), row_bytes_}; }

  template <class T>
  T* at(std::size_t slot) {
    return reinterpret_cast<T*>(row(slot));
  }
  template <class T>
  const T* at(std::size_t slot) const {
    return reinterpret_cast<const T*>(row(slot));
  }

  // Visit rows [first, last) as few contiguous runs: visit(data, first_slot, rows). For files and scans.
  using Run = std::function<void(std::byte* data, std::size_t first_slot, std::size_t rows)>;
  void for_each_run(std::size_t first, std::size_t last, const Run& visit);
  using ConstRun = std::function<void(const std::byte* data, std::size_t first_slot, std::size_t rows)>;
  void for_each_run(std::size_t first, std::size_t last, const ConstRun& visit) const;

 private:
  void append_segment(Block block, std::size_t first_row, std::size_t end_row);

  std::array<std::uintptr_t, kNumSegments + 1> bases_{};  // biased, see RowsView
  std::vector<Block> blocks_;
  std::size_t row_bytes_;
  std::atomic<std::size_t> capacity_{0};
};

}  // namespace nearfield
