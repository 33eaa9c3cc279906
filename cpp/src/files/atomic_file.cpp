#include "files/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <utility>

#include "files/fault.h"

namespace nearfield {
namespace {

// An open descriptor. close() is explicit because its failure means lost bytes; the destructor is for errors.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

// Removes a file unless it was kept.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

void write_all(int fd, const std::byte* data, std::size_t bytes, const std::string& name) {
  constexpr std::size_t kLargest = std::size_t{1} << 30;  // some systems refuse 2 GiB and more at once
  while (bytes > 0) {
    const ssize_t written = ::write(fd, data, std::min(bytes, kLargest));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_not_accessible("cannot write", name, errno);
    if (written == 0) throw_not_accessible("cannot write", name, ENOSPC);
    data += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

struct Target {
  std::string path;    // the file itself, links followed
  std::string folder;  // where it lies
  std::string base;    // its name there
};

// Where a symbolic link leads to a file that is not there yet. A path that leads to something stays as it is: what the
// links of /dev/fd say is no path.
std::string follow(std::string path, const std::string& name) {
  constexpr int kMostLinks = 40;  // as Linux
  std::array<char, PATH_MAX> link{};
  for (int links = 0;; ++links) {
    struct stat there {};
    if (::stat(path.c_str(), &there) == 0) return path;
    const ssize_t length = ::readlink(path.c_str(), link.data(), link.size());
    if (length <= 0) return path;
    if (links == kMostLinks) throw_not_accessible("cannot follow the links of", name, ELOOP);
    const std::string target(link.data(), static_cast<std::size_t>(length));
    const std::size_t slash = path.rfind('/');
    path = target.front() == '/' || slash == std::string::npos ? target : path.substr(0, slash + 1) + target;
  }
}

Target resolve(const std::string& path, const std::string& name) {
  Target target{follow(path, name), ".", path};
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(target.path.c_str(), nullptr), &std::free);
  if (real) target.path = real.get();  // else it does not exist yet
  const std::size_t slash = target.path.rfind('/');
  if (slash == std::string::npos) {
    target.base = target.path;
  } else {
    target.folder = slash == 0 ? "/" : target.path.substr(0, slash);
    target.base = target.path.substr(slash + 1);
  }
  return target;
}

// A new file beside the target, under a name that nobody uses.
std::pair<Descriptor, std::string> create_beside(const Target& target, mode_t mode, const std::string& name) {
  constexpr std::size_t kLongestBase = 200;  // names end at 255 bytes on most file systems
  constexpr int kAttempts = 10000;           // leftovers of killed processes with our process id
  const std::string stem =
      target.folder + "/" + target.base.substr(0, kLongestBase) + ".tmp-" + std::to_string(::getpid()) + "-";
  for (int attempt = 0;; ++attempt) {
    std::string path = stem + std::to_string(attempt);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0) return {Descriptor(fd), std::move(path)};
    if (errno != EEXIST || attempt == kAttempts) throw_not_accessible("cannot create a file beside", name, errno);
  }
}

// The rename itself survives a power failure only once the folder is on disk.
void sync_folder(const Target& target, const std::string& name) {
  const Descriptor folder(::open(target.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return;  // a folder that may be written but not read: nothing to be done
  if (::fsync(folder.get()) != 0 && errno != EINVAL && errno != ENOTSUP) {
    throw_not_accessible("the file is written, but cannot sync the folder of", name, errno);
  }
}

void write_directly(const std::string& path, const std::string& name,
                    const std::function<void(const ByteSink&)>& write) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) throw_not_accessible("cannot open", name, errno);
  write([&](const std::byte* data, std::size_t bytes) { write_all(file.get(), data, bytes, name); });
  if (!file.close()) throw_not_accessible("cannot write", name, errno);
}

}  // namespace

void save_atomically(const std::string& path, const std::function<void(const ByteSink&)>& write) {
  const std::string name = quoted_path(path);
  if (path.empty()) throw_not_accessible("cannot create", name, ENOENT);
  const Target target = resolve(path, name);
  struct stat old {};
  const bool replaces = ::stat(target.path.c_str(), &old) == 0;
  if (replaces && S_ISDIR(old.st_mode)) throw_not_accessible("cannot write", name, EISDIR);
  if (replaces && !S_ISREG(old.st_mode)) return write_directly(target.path, name, write);
  // A rename does not ask for the permission to write the file, but its owner took it away for a reason.
  if (replaces && ::access(target.path.c_str(), W_OK) != 0) throw_not_accessible("cannot write", name, errno);

  // What takes the place of a file is nobody else's to read before it has that file's permissions.
  auto [file, temporary_path] = create_beside(target, replaces ? 0600 : 0666, name);
  Temporary temporary(temporary_path);
  const int fd = file.get();
  write([fd, &name](const std::byte* data, std::size_t bytes) { write_all(fd, data, bytes, name); });
  if (replaces) {
    // The owner first, since changing it may clear bits of the mode. Only root may; for others it is theirs.
    if (::fchown(fd, old.st_uid, old.st_gid) != 0) errno = 0;
    if (::fchmod(fd, old.st_mode & 07777) != 0) throw_not_accessible("cannot set the permissions of", name, errno);
  }
  if (::fsync(fd) != 0) throw_not_accessible("cannot sync", name, errno);
  if (!file.close()) throw_not_accessible("cannot write", name, errno);
  if (::rename(temporary.path().c_str(), target.path.c_str()) != 0) throw_not_accessible("cannot replace", name, errno);
  temporary.keep();
  sync_folder(target, name);
}

}  // namespace nearfield
