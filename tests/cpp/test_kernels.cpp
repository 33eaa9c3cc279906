// Every kernel of every level against float64, and all levels against each other bit by bit.
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "check.h"
#include "codes/codes.h"
#include "fixtures.h"
#include "guarded.h"
#include "walk/metric.h"

namespace nearfield::test {
namespace {

constexpr Storage kStorages[] = {Storage::Float32, Storage::Float8, Storage::E4M3, Storage::Float16};
constexpr Space kSpaces[] = {Space::Euclidean, Space::InnerProduct, Space::Cosine};

std::vector<std::uint32_t> widths() {
  std::vector<std::uint32_t> all;
  for (std::uint32_t d = 1; d <= 67; ++d) all.push_back(d);
  for (const std::uint32_t d : {96u, 100u, 128u, 200u, 384u, 768u, 1536u}) all.push_back(d);
  return all;
}

// `rows` encoded rows behind each other, as a plane with one segment would hold them.
struct Table {
  Table(const Metric& metric, const std::vector<float>& vectors)
      : row_bytes(metric.padded * element_bytes(metric.storage)),
        rows(vectors.size() / metric.dimensions),
        memory(rows * row_bytes),
        bases(kNumSegments + 1, reinterpret_cast<std::uintptr_t>(memory.data())) {
    std::vector<float> unit(metric.padded);
    for (std::size_t row = 0; row < rows; ++row) {
      metric.encode(vectors.data() + row * metric.dimensions, unit.data(), memory.data() + row * row_bytes);
    }
  }
  WalkView view() const {
    WalkView view;
    view.rows = {bases.data(), row_bytes};
    view.count = rows;
    return view;
  }
  std::size_t row_bytes, rows;
  Guarded memory;
  std::vector<std::uintptr_t> bases;
};

double true_distance(const Metric& metric, const float* query, const std::vector<float>& row) {
  double sum = 0;
  double norm = 0;
  for (std::size_t d = 0; d < metric.dimensions; ++d) norm += static_cast<double>(query[d]) * query[d];
  norm = metric.space == Space::Cosine && norm > 0 ? std::sqrt(norm) : 1;
  for (std::size_t d = 0; d < metric.dimensions; ++d) {
    const double q = query[d] / norm;
    sum += metric.space == Space::Euclidean ? (q - row[d]) * (q - row[d]) : q * row[d];
  }
  return metric.space == Space::Euclidean ? sum : 1 - sum;
}

void check_metric(const IndexConfig& config) {
  constexpr std::size_t kRows = 7;  // one batch of four and one of three
  std::vector<float> vectors(kRows * config.dimensions);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] = uniform(config.dimensions, i);
  std::vector<float> query(vectors.begin(), vectors.begin() + config.dimensions);
  std::vector<float> expected_bits;
  for_each_level([&](const std::string& name) {
    const Metric metric(config, active_level());
    const Table table(metric, vectors);
    const Guarded prepared(metric.padded * sizeof(float));
    auto* q = reinterpret_cast<float*>(prepared.data());
    metric.prepare(query.data(), q);
    metric.scale_query(q);
    Slot slots[kRows] = {0, 1, 2, 3, 4, 5, 6};
    std::vector<float> found(kRows);
    metric.distances(table.view(), q, slots, kRows, found.data());
    std::vector<float> row(config.dimensions);
    for (std::size_t i = 0; i < kRows; ++i) {
      metric.decode(table.memory.data() + i * table.row_bytes, row.data());
      const double truth = true_distance(metric, query.data(), row);
      // Sixteen sums of d/16 rounded products each, and a few roundings to prepare and finish.
      const double limit = (config.dimensions / 16.0 + 16) * 0x1p-23 * (1 + std::fabs(truth)) * 2;
      check_near(found[i], truth, limit, name + ", d = " + std::to_string(config.dimensions));
    }
    if (expected_bits.empty()) expected_bits = found;
    check(std::memcmp(found.data(), expected_bits.data(), kRows * sizeof(float)) == 0,
          name + " gives other bits than scalar at d = " + std::to_string(config.dimensions));
  });
}

void distances_agree_with_float64_and_between_levels() {
  for (const Storage storage : kStorages) {
    for (const Space space : kSpaces) {
      for (const std::uint32_t dimensions : widths()) check_metric({space, storage, dimensions, 8, 20, 1});
    }
  }
}

void every_byte_decodes_alike_in_lanes_and_table() {
  for (const Storage storage : {Storage::Float8, Storage::E4M3}) {
    IndexConfig config{Space::InnerProduct, storage, 16, 8, 20, 1};
    for_each_level([&](const std::string& name) {
      const Metric metric(config, active_level());
      for (unsigned byte = 0; byte < 256; ++byte) {
        const float value = storage == Storage::E4M3 ? decode_e4m3(static_cast<std::uint8_t>(byte))
                                                     : static_cast<float>(static_cast<std::int8_t>(byte)) / 127.0f;
        if (std::isnan(value)) continue;
        std::byte row[16] = {};
        row[5] = static_cast<std::byte>(byte);
        float query[16] = {};
        query[5] = storage == Storage::Float8 ? 127.0f : 1.0f;
        std::uintptr_t bases[kNumSegments + 1];
        for (std::uintptr_t& base : bases) base = reinterpret_cast<std::uintptr_t>(row);
        WalkView view;
        view.rows = {bases, sizeof(row)};
        const Slot slot = 0;
        float distance = 0;
        metric.distances(view, query, &slot, 1, &distance);
        check_near(distance, 1.0 - value, 1e-6 * (1 + std::fabs(value)), name + ", byte " + std::to_string(byte));
      }
    });
  }
}

// What a half stands for, from its definition.
double value_of_half(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31u);
  const double mantissa = static_cast<double>(bits & 1023u) / 1024.0;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -14) : std::ldexp(1.0 + mantissa, exponent - 15);
  return (bits & 0x8000u) != 0 ? -magnitude : magnitude;
}

bool is_finite_half(unsigned bits) { return (bits & 0x7C00u) != 0x7C00u; }

void every_half_decodes_alike_in_lanes_and_by_definition() {
  const IndexConfig config{Space::InnerProduct, Storage::Float16, 16, 8, 20, 1};
  for_each_level([&](const std::string& name) {
    const Metric metric(config, active_level());
    for (unsigned first = 0; first < 0x10000u; first += 16) {
      std::uint16_t halves[16];
      float lanes[16];
      for (unsigned i = 0; i < 16; ++i) halves[i] = static_cast<std::uint16_t>(first + i);
      const auto* row = reinterpret_cast<const unsigned char*>(halves);
      metric.walks->query_of(row, sizeof halves, lanes);
      for (unsigned i = 0; i < 16; ++i) {
        if (!is_finite_half(first + i)) continue;
        const auto expected = static_cast<float>(value_of_half(first + i));
        const float decoded = decode_float16(halves[i]);
        check(std::memcmp(&lanes[i], &expected, sizeof expected) == 0, name + ", half " + std::to_string(first + i));
        check(std::memcmp(&decoded, &expected, sizeof expected) == 0, "decoding half " + std::to_string(first + i));
      }
    }
  });
}

// Every half, what lies halfway to the next, and the floats beside that.
void halves_are_rounded_to_the_nearest_and_ties_to_even() {
  for (unsigned bits = 0; bits < 0x7BFFu; ++bits) {
    const auto low = static_cast<float>(value_of_half(bits)), high = static_cast<float>(value_of_half(bits + 1));
    const float middle = low + (high - low) / 2;
    const unsigned even = bits % 2 == 0 ? bits : bits + 1;
    for (const unsigned sign : {0u, 0x8000u}) {
      const float factor = sign == 0 ? 1.0f : -1.0f;
      const std::string what = "half " + std::to_string(bits);
      check_equal(encode_float16(factor * low), sign | bits, what);
      check_equal(encode_float16(factor * middle), sign | even, what + ": a tie");
      check_equal(encode_float16(factor * std::nextafter(middle, low)), sign | bits, what + ": below the tie");
      check_equal(encode_float16(factor * std::nextafter(middle, high)), sign | (bits + 1), what + ": above it");
    }
  }
  check_equal(unsigned{encode_float16(65504.0f)}, 0x7BFFu, "the largest");
  check_equal(unsigned{encode_float16(1e-45f)}, 0u, "the smallest float");
  const Range range = range_of(Storage::Float16);
  check(range.lowest == -65504.0f && range.highest == 65504.0f, "the range");
}

void encoding_takes_the_nearest_value() {
  for (int i = -460000; i <= 460000; i += 7) {
    const float value = static_cast<float>(i) / 1024.0f;
    if (std::fabs(value) > 448.0f) continue;
    const float found = decode_e4m3(encode_e4m3(value));
    for (unsigned byte = 0; byte < 256; byte += 2) {  // positive ones; the sign is symmetric
      const float other = decode_e4m3(static_cast<std::uint8_t>(byte));
      if (std::isnan(other)) continue;
      if (std::fabs(other - std::fabs(value)) < std::fabs(found - value)) {
        check(false,
              "E4M3 of " + std::to_string(value) + " is " + std::to_string(found) + ", not " + std::to_string(other));
        return;
      }
    }
  }
  for (int b = -127; b <= 127; ++b) {
    const float value = static_cast<float>(b) / 127.0f;
    std::byte byte{};
    encode_row(Storage::Float8, &value, 1, &byte);
    check_equal(static_cast<int>(static_cast<std::int8_t>(byte)), b, "Float8 byte");
  }
  check_equal(static_cast<int>(encode_e4m3(-0.0f)), 0, "byte of zero");
  check_equal(static_cast<int>(encode_e4m3(1.0f)), 14, "byte of one, as in Voyager's files");
}

void unit_vectors_keep_their_direction_at_any_length() {
  const Metric metric({Space::Cosine, Storage::Float32, 3, 8, 20, 1}, active_level());
  for (const float length : {1e-38f, 1e-20f, 1.0f, 1e20f, 1e38f}) {
    const float vector[3] = {0.6f * length, 0.0f, -0.8f * length};
    float unit[16];
    metric.prepare(vector, unit);
    check_near(unit[0], 0.6, 1e-6, "first component");
    check_near(unit[2], -0.8, 1e-6, "last component");
  }
  const float zero[3] = {0, 0, 0};
  float unit[16];
  metric.prepare(zero, unit);
  check_equal(unit[0], 0.0f, "a zero vector stays one");
}

// Every one of them is code of its own: a template axis multiplies them.
void searches_are_compiled_at_most_sixty_times() {
  std::set<const void*> searches;
  const auto count = [&searches](const Walks& walks) {
    searches.insert(reinterpret_cast<const void*>(walks.search));
    if (walks.search_sketched != nullptr) searches.insert(reinterpret_cast<const void*>(walks.search_sketched));
  };
  for_each_level([&](const std::string&) {
    const Level& level = active_level();
    for (const auto& of_storage : level.floats->walks) {
      for (const Walks& walks : of_storage) count(walks);
    }
    for (const Walks& walks : level.floats->number_walks) count(walks);
    for (const Walks& walks : level.code_walks) count(walks);
  });
  check(searches.size() <= 60, std::to_string(searches.size()) + " searches, at most 60");
  check(searches.size() >= 4, "they are counted");
}

const Group group{"kernels",
                  {{"distances agree with float64 and between levels", distances_agree_with_float64_and_between_levels},
                   {"every byte decodes alike", every_byte_decodes_alike_in_lanes_and_table},
                   {"every half decodes alike", every_half_decodes_alike_in_lanes_and_by_definition},
                   {"halves are rounded to the nearest", halves_are_rounded_to_the_nearest_and_ties_to_even},
                   {"searches are compiled at most sixty times", searches_are_compiled_at_most_sixty_times},
                   {"encoding takes the nearest value", encoding_takes_the_nearest_value},
                   {"unit vectors keep their direction", unit_vectors_keep_their_direction_at_any_length}}};

}  // namespace
}  // namespace nearfield::test
