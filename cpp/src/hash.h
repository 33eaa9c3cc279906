// Hashes: XXH64 for the checksums of files, a mixer for levels and tables.
//
// Both give the same number on every machine. Neither resists an attacker who wants two inputs with the
// same hash: a checksum finds damage, and every reader checks what the bytes say besides.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nearfield {

// A bijection of 64-bit numbers whose output bits all depend on all input bits: one step of the SplitMix64
// generator (Steele, Lea and Flood 2014) from the state x.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// XXH64 as its specification describes it (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), fed in pieces.
// Any cutting of the same bytes gives the same digest. About 10 GB/s a core.
class Xxh64 {
 public:
  explicit Xxh64(std::uint64_t seed = 0);
  void update(const void* data, std::size_t bytes);
  std::uint64_t digest() const;  // of all bytes so far; more may follow

 private:
  static constexpr std::size_t kStripe = 32;

  std::array<std::uint64_t, 4> lanes_;
  std::array<unsigned char, kStripe> rest_{};  // bytes that do not fill a stripe yet
  std::uint64_t seed_;
  std::uint64_t length_ = 0;
};

std::uint64_t xxh64(const void* data, std::size_t bytes, std::uint64_t seed = 0);

}  // namespace nearfield
