#include "files/files.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "files/fault.h"
#include "files/format.h"
#include "files/hnswlib.h"
#include "files/reader.h"
#include "files/source.h"
#include "nearfield/error.h"

namespace nearfield {
namespace {

enum class FileKind { Nearfield, Voyager, Hnswlib, Unknown };

FileKind recognise(const ByteSource& source) {
  std::array<unsigned char, 8> start{};
  const std::size_t bytes = std::min<std::uint64_t>(start.size(), source.bytes());
  source.read(0, start.data(), bytes, "magic");
  const auto starts_with = [&](const void* magic, std::size_t size) {
    return bytes >= size && std::memcmp(start.data(), magic, size) == 0;
  };
  static constexpr std::array<unsigned char, 8> kZeros{};
  if (starts_with(format::kMagic.data(), format::kMagic.size())) return FileKind::Nearfield;
  if (starts_with("VOYA", 4)) return FileKind::Voyager;
  if (starts_with(kZeros.data(), kZeros.size())) return FileKind::Hnswlib;
  if (starts_with(format::kMagic.data(), 3)) {
    throw_corrupt(source.name(), 3, "magic", "not that of a .nf file, though it begins like one",
                  "89 4E 46 0D 0A 1A 0A 00 (was the file transferred as text?)");
  }
  return FileKind::Unknown;
}

std::unique_ptr<State> load_from(const ByteSource& source, const LoadOptions& options) {
  switch (recognise(source)) {
    case FileKind::Nearfield:
      return read_nf(source, options);
    case FileKind::Voyager:
      return read_voyager(source, options);
    case FileKind::Hnswlib:
      // Zeros may begin anything. Only a caller who says what the vectors are means such a file for certain.
      if (options.space != nullptr || starts_like_hnswlib(source)) return read_hnswlib(source, options);
      break;
    case FileKind::Unknown:
      break;
  }
  throw NotAnIndexFile(source.name() + (source.bytes() == 0 ? " is empty" : " is no index file that nearfield knows") +
                       "; expected a .nf file, a file of Voyager or one of hnswlib");
}

}  // namespace

std::unique_ptr<State> load_state(const std::string& path, const LoadOptions& options) {
  return load_from(ByteSource::file(path), options);
}

std::unique_ptr<State> load_state(std::span<const std::byte> bytes, const LoadOptions& options) {
  return load_from(ByteSource::memory(bytes), options);
}

}  // namespace nearfield
