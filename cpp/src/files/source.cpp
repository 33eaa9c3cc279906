#include "files/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "files/fault.h"

namespace nearfield {
namespace {

constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 20;

}  // namespace

ByteSource ByteSource::file(const std::string& path) {
  ByteSource source;
  source.name_ = quoted_path(path);
  // O_NONBLOCK: a pipe without a writer would keep us waiting; it is refused below. No effect on files.
  source.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (source.fd_ < 0) throw_not_accessible("cannot open", source.name_, errno);
  struct stat info {};
  if (::fstat(source.fd_, &info) != 0) throw_not_accessible("cannot read", source.name_, errno);
  if (S_ISDIR(info.st_mode)) throw_not_accessible("cannot read", source.name_, EISDIR);
  if (!S_ISREG(info.st_mode)) throw_not_accessible("cannot read what is not a regular file,", source.name_, EINVAL);
  source.bytes_ = static_cast<std::uint64_t>(info.st_size);
  return source;
}

ByteSource ByteSource::memory(std::span<const std::byte> bytes) {
  static constexpr std::byte kNothing{};  // so that in_memory() is never null here
  ByteSource source;
  source.memory_ = bytes.empty() ? &kNothing : bytes.data();
  source.bytes_ = bytes.size();
  source.name_ = kBytesName;
  return source;
}

ByteSource::ByteSource(ByteSource&& other) noexcept
    : memory_(other.memory_), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_), name_(std::move(other.name_)) {}

ByteSource::~ByteSource() {
  if (fd_ >= 0) ::close(fd_);
}

void ByteSource::read(std::uint64_t offset, void* out, std::size_t bytes, const char* field) const {
  if (bytes == 0) return;
  if (!holds(offset, bytes)) {
    throw_corrupt(name_, offset, field, "cut off: the file ends at " + std::to_string(bytes_),
                  std::to_string(bytes) + " bytes");
  }
  if (memory_ != nullptr) {
    std::memcpy(out, memory_ + offset, bytes);
    return;
  }
  auto* next = static_cast<std::byte*>(out);
  while (bytes > 0) {
    const ssize_t got = ::pread(fd_, next, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_not_accessible("cannot read", name_, errno);
    if (got == 0) throw_corrupt(name_, offset, field, "cut off while it was read", std::to_string(bytes) + " bytes");
    next += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
}

const std::byte* SequentialReader::take(std::size_t bytes, const char* field) {
  if (source_.in_memory() != nullptr && source_.holds(offset_, bytes)) {
    const std::byte* data = source_.in_memory() + offset_;
    offset_ += bytes;
    return data;
  }
  if (offset_ < window_begin_ || offset_ + bytes > window_end_) {
    // Never more than the file holds, so a hostile length costs no memory.
    const std::uint64_t rest = offset_ <= source_.bytes() ? source_.bytes() - offset_ : 0;
    const std::uint64_t wanted = std::max<std::uint64_t>(bytes, std::min(rest, kWindowBytes));
    if (wanted > rest) source_.read(offset_, buffer_.data(), bytes, field);  // throws: too short
    buffer_.resize(std::max<std::size_t>(buffer_.size(), wanted));
    source_.read(offset_, buffer_.data(), wanted, field);
    window_begin_ = offset_;
    window_end_ = offset_ + wanted;
  }
  const std::byte* data = buffer_.data() + (offset_ - window_begin_);
  offset_ += bytes;
  return data;
}

}  // namespace nearfield
