#include "hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace nearfield {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87u;
constexpr std::uint64_t kPrime2 = 0xC2B2AE3D27D4EB4Fu;
constexpr std::uint64_t kPrime3 = 0x165667B19E3779F9u;
constexpr std::uint64_t kPrime4 = 0x85EBCA77C2B2AE63u;
constexpr std::uint64_t kPrime5 = 0x27D4EB2F165667C5u;

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

template <class Word>
Word load(const unsigned char* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

std::uint64_t absorb(std::uint64_t lane, std::uint64_t word) { return std::rotl(lane + word * kPrime2, 31) * kPrime1; }

// All whole stripes of 32 bytes; each of the four lanes takes every fourth word.
const unsigned char* absorb_stripes(std::array<std::uint64_t, 4>& lanes, const unsigned char* data,
                                    std::size_t stripes) {
  std::uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];  // in registers, for the loop
  for (; stripes > 0; --stripes, data += 32) {
    a = absorb(a, load<std::uint64_t>(data));
    b = absorb(b, load<std::uint64_t>(data + 8));
    c = absorb(c, load<std::uint64_t>(data + 16));
    d = absorb(d, load<std::uint64_t>(data + 24));
  }
  lanes = {a, b, c, d};
  return data;
}

std::uint64_t merge_lanes(const std::array<std::uint64_t, 4>& lanes) {
  std::uint64_t hash =
      std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const std::uint64_t lane : lanes) hash = (hash ^ absorb(0, lane)) * kPrime1 + kPrime4;
  return hash;
}

// The last 0 to 31 bytes, then the avalanche that spreads every bit.
std::uint64_t finish(std::uint64_t hash, const unsigned char* data, std::size_t bytes) {
  for (; bytes >= 8; bytes -= 8, data += 8) {
    hash = std::rotl(hash ^ absorb(0, load<std::uint64_t>(data)), 27) * kPrime1 + kPrime4;
  }
  if (bytes >= 4) {
    hash = std::rotl(hash ^ load<std::uint32_t>(data) * kPrime1, 23) * kPrime2 + kPrime3;
    bytes -= 4;
    data += 4;
  }
  for (; bytes > 0; --bytes, ++data) hash = std::rotl(hash ^ *data * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace

Xxh64::Xxh64(std::uint64_t seed)
    : lanes_{seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1}, seed_(seed) {}

void Xxh64::update(const void* data, std::size_t bytes) {
  if (bytes == 0) return;
  const auto* next = static_cast<const unsigned char*>(data);
  const std::size_t held = length_ % kStripe;
  length_ += bytes;
  if (held > 0) {
    const std::size_t taken = std::min(bytes, kStripe - held);
    std::memcpy(rest_.data() + held, next, taken);
    next += taken;
    bytes -= taken;
    if (held + taken < kStripe) return;
    absorb_stripes(lanes_, rest_.data(), 1);
  }
  next = absorb_stripes(lanes_, next, bytes / kStripe);
  std::memcpy(rest_.data(), next, bytes % kStripe);
}

std::uint64_t Xxh64::digest() const {
  const std::uint64_t start = length_ >= kStripe ? merge_lanes(lanes_) : seed_ + kPrime5;
  return finish(start + length_, rest_.data(), length_ % kStripe);
}

std::uint64_t xxh64(const void* data, std::size_t bytes, std::uint64_t seed) {
  Xxh64 hash(seed);
  hash.update(data, bytes);
  return hash.digest();
}

}  // namespace nearfield
