// Seeded data, equal on every machine, and the SIMD levels that this binary can run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hash.h"
#include "nearfield/cpu.h"
#include "nearfield/index.h"

namespace nearfield::test {

// The i-th number of a stream in [-1, 1): 24 bits of a hash, so the float is exact.
inline float uniform(std::uint64_t stream, std::uint64_t i) {
  const auto bits = static_cast<std::int32_t>(mix64(mix64(stream) + i) >> 40);
  return static_cast<float>(bits) * 0x1p-23f - 1.0f;
}

// Rows around `centres` points, for queries that have neighbours. All components within [-1, 1).
inline std::vector<float> clustered(std::size_t rows, std::size_t dimensions, std::uint64_t seed) {
  constexpr std::size_t kCentres = 64;
  std::vector<float> vectors(rows * dimensions);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t centre = mix64(seed + row) % kCentres;
    for (std::size_t d = 0; d < dimensions; ++d) {
      vectors[row * dimensions + d] =
          0.75f * uniform(seed, centre * dimensions + d) + 0.25f * uniform(seed + 1, row * dimensions + d);
    }
  }
  return vectors;
}

inline std::vector<float> scattered(std::size_t rows, std::size_t dimensions, std::uint64_t seed) {
  std::vector<float> vectors(rows * dimensions);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] = uniform(seed, i);
  return vectors;
}

// Runs `body` once per SIMD level, with that level in force.
template <class Body>
void for_each_level(const Body& body) {
  const std::string before = simd::active();
  for (const std::string& name : simd::available()) {
    simd::force(name);
    body(name);
  }
  simd::force(before);
}

// A space and the codes that walks in it compare.
struct Kind {
  Space space;
  Codes codes;
};

inline std::string name_of(const Kind& kind) {
  return "space " + std::to_string(static_cast<int>(kind.space)) + ", codes " +
         std::to_string(static_cast<int>(kind.codes));
}

struct Answers {
  std::vector<Id> ids;
  std::vector<float> distances;
  std::vector<std::uint32_t> counts;
  QueryCounters counters;
};

inline Answers ask(const Index& index, const std::vector<float>& queries, const QueryOptions& options) {
  const std::size_t rows = queries.size() / index.config().dimensions;
  Answers answers;
  answers.ids.resize(rows * options.k);
  answers.distances.resize(rows * options.k);
  answers.counts.resize(rows);
  answers.counters =
      index.query(queries.data(), rows, options, answers.ids.data(), answers.distances.data(), answers.counts.data());
  return answers;
}

// A beam with which queries just walk: they read all rows from a quarter of those that are there on.
inline std::size_t most_walked(const Index& index) {
  const RowCounts counts = index.counts();
  return (counts.live + counts.marked) / 4 - 1;
}

inline std::vector<std::byte> bytes_of(const Index& index) {
  std::vector<std::byte> bytes;
  index.write([&bytes](const std::byte* data, std::size_t n) { bytes.insert(bytes.end(), data, data + n); });
  return bytes;
}

}  // namespace nearfield::test
