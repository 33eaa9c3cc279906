// Planes: rows that grow and never move, in memory or mapped.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

#include "check.h"
#include "nearfield/error.h"
#include "planes/plane.h"

namespace nearfield::test {
namespace {

void segments_double() {
  check_equal(segment_of(0), 0u, "segment of slot 0");
  check_equal(segment_of(15), 0u, "segment of slot 15");
  check_equal(segment_of(16), 1u, "segment of slot 16");
  check_equal(segment_of(kMaxSlots - 1), kNumSegments - 1, "segment of the last slot");
  for (unsigned segment = 0; segment < kNumSegments; ++segment) {
    check_equal(segment_of(segment_begin(segment)), segment, "segment of its first slot");
    check_equal(segment_of(segment_end(segment) - 1), segment, "segment of its last slot");
  }
}

// Rows of three sizes, so that segments come from the allocator and from the system.
void growth_keeps_addresses_and_content() {
  for (const std::size_t row_bytes : {1u, 64u, 4096u}) {
    Plane plane(row_bytes);
    std::vector<std::byte*> addresses;
    for (std::size_t rows = 1; rows <= 3000; rows += 1 + rows / 3) {
      plane.grow(rows);
      check(plane.capacity() >= rows, "grow makes room");
      while (addresses.size() < rows) {
        std::byte* row = plane.row(addresses.size());
        check_equal(std::to_integer<int>(row[row_bytes - 1]), 0, "a new row holds zeros");
        std::memset(row, static_cast<int>(addresses.size() & 0x7F), row_bytes);
        addresses.push_back(row);
      }
    }
    for (std::size_t slot = 0; slot < addresses.size(); ++slot) {
      check(plane.row(slot) == addresses[slot], "a row has moved");
      check_equal(std::to_integer<std::size_t>(plane.row(slot)[0]), slot & 0x7F, "content of a row");
    }
    check(plane.reserved_bytes() <= 2 * plane.capacity() * row_bytes + (1 << 16), "no more than twice is reserved");
  }
}

void a_small_plane_is_small() {
  Plane plane(256);
  check_equal(plane.reserved_bytes(), 0u, "bytes of an empty plane");
  plane.grow(10);
  check(plane.reserved_bytes() <= 16u * 256u, "ten rows take one segment");
}

void rows_of_64_bytes_are_aligned() {
  Plane plane(64);
  plane.grow(5000);
  for (std::size_t slot = 0; slot < 5000; ++slot) {
    check_equal(reinterpret_cast<std::uintptr_t>(plane.row(slot)) % 64, 0u, "address modulo 64");
  }
}

void runs_cover_each_row_once() {
  Plane plane(8);
  plane.grow(1000);
  for (std::size_t slot = 0; slot < 1000; ++slot) *plane.at<std::uint64_t>(slot) = slot;
  for (const auto& [first, last] :
       {std::pair<std::size_t, std::size_t>{0, 1000}, {5, 6}, {15, 17}, {100, 100}, {31, 999}}) {
    std::size_t next = first;
    std::as_const(plane).for_each_run(first, last, [&](const std::byte* data, std::size_t slot, std::size_t rows) {
      check_equal(slot, next, "first slot of a run");
      for (std::size_t i = 0; i < rows; ++i) {
        std::uint64_t value = 0;
        std::memcpy(&value, data + 8 * i, 8);
        check_equal(value, slot + i, "row of a run");
      }
      next += rows;
    });
    check_equal(next, last, "end of the last run");
  }
}

struct TemporaryFile {
  TemporaryFile() : fd(mkstemp(name)) { unlink(name); }
  ~TemporaryFile() { close(fd); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  char name[32] = "/tmp/nearfield-plane-XXXXXX";
  int fd;
};

void a_mapped_plane_grows_and_leaves_its_file() {
  constexpr std::size_t kOffset = 65536;
  constexpr std::size_t kRows = 20'000;
  const TemporaryFile file;
  std::vector<std::uint64_t> numbers(kRows);
  std::iota(numbers.begin(), numbers.end(), 7);
  const auto bytes = static_cast<ssize_t>(kRows * 8);
  if (!check(pwrite(file.fd, numbers.data(), static_cast<std::size_t>(bytes), kOffset) == bytes, "file written"))
    return;

  Plane plane(8);
  plane.map(file.fd, kOffset, kRows);
  const std::byte* mapped = plane.row(3);
  plane.grow(2 * kRows);
  check(plane.row(3) == mapped, "a mapped row has moved");
  for (std::size_t slot = 0; slot < kRows; ++slot) check_equal(*plane.at<std::uint64_t>(slot), slot + 7, "mapped row");
  for (std::size_t slot = kRows; slot < 2 * kRows; ++slot) *plane.at<std::uint64_t>(slot) = slot;
  *plane.at<std::uint64_t>(3) = 99;
  std::uint64_t in_file = 0;
  check(pread(file.fd, &in_file, 8, kOffset + 3 * 8) == 8 && in_file == 10,
        "a write to a mapped row stays out of the file");
  check_equal(*plane.at<std::uint64_t>(2 * kRows - 1), 2 * kRows - 1, "row behind the mapped ones");
}

const Group group{"planes",
                  {{"segments double", segments_double},
                   {"growth keeps addresses and content", growth_keeps_addresses_and_content},
                   {"a small plane is small", a_small_plane_is_small},
                   {"rows of 64 bytes are aligned", rows_of_64_bytes_are_aligned},
                   {"runs cover each row once", runs_cover_each_row_once},
                   {"a mapped plane grows and leaves its file", a_mapped_plane_grows_and_leaves_its_file}}};

}  // namespace
}  // namespace nearfield::test
