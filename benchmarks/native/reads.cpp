// What this machine's memory gives: the time to read a row somewhere in a region, for benchmarks/growth.py.
//
//   reads REGION_BYTES ROW_BYTES
//
// Prints nanoseconds a row, twice: where the place of the next row is known only when the last one has been
// read, so that the whole latency is paid, and where it is known before, so that reads overlap as far as a core
// can make them. All lines of a row are read. The region is asked for as the planes of an index are: huge pages.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{1} << 21;
constexpr std::size_t kLinesPerPass = std::size_t{1} << 22;
constexpr std::size_t kPasses = 5;  // the median is given

double cpu_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

struct Region {
  const std::uint64_t* words;
  std::uint64_t rows;
  std::size_t lines;  // of a row
};

std::uint64_t scramble(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xFF51AFD7ED558CCDull;
  return x ^ x >> 33;
}

std::uint64_t read_row(const Region& region, std::uint64_t number) {
  const std::uint64_t row = (number >> 32) * region.rows >> 32;
  const std::uint64_t* words = region.words + row * region.lines * (kLine / 8);
  std::uint64_t sum = 0;
  for (std::size_t line = 0; line < region.lines; ++line) sum += words[line * (kLine / 8)];
  return sum;
}

// kChained: the next place depends on what was read. A template, so that nothing depends on it where it does not.
template <bool kChained>
std::uint64_t read_rows(const Region& region, std::size_t reads) {
  std::uint64_t sum = 0, place = 1;
  for (std::size_t i = 0; i < reads; ++i) {
    const std::uint64_t read = read_row(region, scramble(place));
    sum += read;
    place += 0x9E3779B97F4A7C15ull + (kChained ? read : 0);
  }
  return sum;
}

template <bool kChained>
double nanoseconds_per_row(const Region& region, std::uint64_t& sum) {
  const std::size_t reads = std::max<std::size_t>(kLinesPerPass / region.lines, 1);
  std::array<double, kPasses> each{};
  for (double& took : each) {
    const double begin = cpu_nanoseconds();
    sum += read_rows<kChained>(region, reads);
    took = (cpu_nanoseconds() - begin) / static_cast<double>(reads);
  }
  std::sort(each.begin(), each.end());
  return each[kPasses / 2];
}

Region make_region(std::size_t bytes, std::size_t row_bytes) {
  const std::size_t lines = (row_bytes + kLine - 1) / kLine;
  if (lines == 0 || bytes < lines * kLine) throw std::runtime_error("REGION_BYTES is less than a row");
  bytes += 2 * kHugePage;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::runtime_error("REGION_BYTES is more memory than there is");
  madvise(data, bytes, MADV_HUGEPAGE);
  auto* begin = static_cast<std::uint64_t*>(data);
  for (std::size_t i = 0; i < bytes / 8; ++i) begin[i] = scramble(i);
  return {begin, (bytes - 2 * kHugePage) / (lines * kLine), lines};
}

}  // namespace

int main(int count, char** values) {
  try {
    if (count != 3) throw std::runtime_error("expected REGION_BYTES ROW_BYTES");
    const Region region = make_region(std::stoull(values[1]), std::stoull(values[2]));
    std::uint64_t sum = 0;
    const double dependent = nanoseconds_per_row<true>(region, sum);
    const double independent = nanoseconds_per_row<false>(region, sum);
    std::cout << dependent << ' ' << independent << '\n';
    return sum == 0 ? 1 : 0;  // the sum is used, so the reads are not left out
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
