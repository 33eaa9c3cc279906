// Where the bytes of a file come from: a path, or memory. Every read is compared with the length first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace nearfield {

// A number as it lies in a file, at any alignment.
template <class Number>
Number number_at(const std::byte* data) {
  Number number;
  std::memcpy(&number, data, sizeof number);
  return number;
}

class ByteSource {
 public:
  // Opens a regular file; throws FileNotAccessible. Its length is taken once, here.
  static ByteSource file(const std::string& path);
  // Borrows the bytes, which must outlive the source.
  static ByteSource memory(std::span<const std::byte> bytes);
  ByteSource(ByteSource&& other) noexcept;
  ByteSource& operator=(ByteSource&&) = delete;
  ~ByteSource();

  std::uint64_t bytes() const { return bytes_; }
  const std::string& name() const { return name_; }  // for messages
  int descriptor() const { return fd_; }             // -1 for memory
  // All bytes where they lie in memory already, else null.
  const std::byte* in_memory() const { return memory_; }

  bool holds(std::uint64_t offset, std::uint64_t bytes) const { return offset <= bytes_ && bytes <= bytes_ - offset; }

  // Copy [offset, offset + bytes) to `out`. Throws CorruptIndexFile(offset, field) where the file is
  // shorter, also when it was cut after it was opened.
  void read(std::uint64_t offset, void* out, std::size_t bytes, const char* field) const;

 private:
  ByteSource() = default;

  const std::byte* memory_ = nullptr;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
  std::string name_;
};

// Reads a part of a source from front to back in pieces of any size, each contiguous in memory.
class SequentialReader {
 public:
  SequentialReader(const ByteSource& source, std::uint64_t offset) : source_(source), offset_(offset) {}

  std::uint64_t offset() const { return offset_; }  // of the next byte
  std::uint64_t remaining() const { return source_.bytes() - offset_; }

  // The next `bytes` bytes, valid until the next call. Throws CorruptIndexFile(offset(), field).
  const std::byte* take(std::size_t bytes, const char* field);

 private:
  const ByteSource& source_;
  std::uint64_t offset_;
  std::vector<std::byte> buffer_;   // a window of the file; unused where the source is in memory
  std::uint64_t window_begin_ = 0;  // its place in the file
  std::uint64_t window_end_ = 0;
};

}  // namespace nearfield
