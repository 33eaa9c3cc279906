// The integer kernels and the encoder of every level, exactly equal to plain C++.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "fixtures.h"
#include "guarded.h"
#include "simd/keys.h"
#include "walk/metric.h"

namespace nearfield::test {
namespace {

// As in Level::code_walks.
enum class Kind { kDifferences, kProducts, kNibbles };
constexpr Kind kKinds[] = {Kind::kDifferences, Kind::kProducts, Kind::kNibbles};
constexpr const char* kNames[] = {"differences", "products", "nibbles"};

enum class Fill { kRandom, kExtreme, kOpposite, kAlternating };
constexpr Fill kFills[] = {Fill::kRandom, Fill::kExtreme, Fill::kOpposite, Fill::kAlternating};

const Walks& walks_of(Kind kind) { return active_level().code_walks[static_cast<int>(kind)]; }

// A code between the least and the greatest that there is, as a byte.
unsigned char code(Fill fill, std::uint64_t stream, std::size_t i, bool is_query, int least, int greatest) {
  const std::uint64_t random = mix64(mix64(stream) + i);
  int value = greatest;
  switch (fill) {
    case Fill::kRandom:
      value = least + static_cast<int>(random % static_cast<unsigned>(greatest - least + 1));
      break;
    case Fill::kExtreme:
      value = random % 2 == 0 ? least : greatest;
      break;
    case Fill::kOpposite:
      value = is_query ? least : greatest;
      break;
    case Fill::kAlternating:
      value = i % 2 == (is_query ? 1 : 0) ? least : greatest;
      break;
  }
  return static_cast<unsigned char>(value);
}

std::size_t query_bytes(Kind kind, std::size_t row_bytes) {
  return kind == Kind::kNibbles ? 2 * row_bytes + 4 : kind == Kind::kProducts ? row_bytes + 4 : row_bytes;
}

// What stands behind the codes of a query: their sum, or that of their squares.
void add_sum(Kind kind, unsigned char* query, std::size_t row_bytes) {
  if (kind == Kind::kDifferences) return;
  const std::size_t bytes = query_bytes(kind, row_bytes) - sizeof(std::int32_t);
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    sum += kind == Kind::kNibbles ? query[i] * query[i] : static_cast<std::int8_t>(query[i]);
  }
  std::memcpy(query + bytes, &sum, sizeof sum);
}

void fill_query(Kind kind, Fill fill, std::uint64_t stream, std::size_t row_bytes, unsigned char* query) {
  const std::size_t dimensions = kind == Kind::kNibbles ? 2 * row_bytes : row_bytes;
  const int least = kind == Kind::kProducts ? -127 : 0;
  for (std::size_t i = 0; i < dimensions; ++i) query[i] = code(fill, stream, i, true, least, 127);
  add_sum(kind, query, row_bytes);
}

void fill_row(Kind kind, Fill fill, std::uint64_t stream, std::size_t row_bytes, unsigned char* row) {
  for (std::size_t i = 0; i < row_bytes; ++i) {
    if (kind == Kind::kNibbles) {
      const unsigned low = code(fill, stream, 2 * i, false, 0, 15);
      const unsigned high = code(fill, stream + 1, 2 * i, false, 0, 15);
      row[i] = static_cast<unsigned char>(low | high << 4);
    } else {
      row[i] = code(fill, stream, i, false, kind == Kind::kProducts ? -127 : 0, 127);
    }
  }
}

// What byte i of a row stands for at place `place` of the query: itself, or 8 times one of its nibbles.
int value_at(Kind kind, const unsigned char* row, std::size_t place) {
  if (kind == Kind::kDifferences) return row[place];
  if (kind == Kind::kProducts) return static_cast<std::int8_t>(row[place]);
  const unsigned byte = row[place / 128 * 64 + place % 64];
  return static_cast<int>(place % 128 < 64 ? byte & 15u : byte >> 4) * 8;
}

std::uint32_t true_key(Kind kind, const unsigned char* query, const unsigned char* row, std::size_t row_bytes) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < (kind == Kind::kNibbles ? 2 * row_bytes : row_bytes); ++i) {
    const int r = value_at(kind, row, i);
    if (kind == Kind::kProducts) {
      sum += static_cast<std::int8_t>(query[i]) * r;
    } else {
      sum += (query[i] - r) * (query[i] - r);
    }
  }
  return static_cast<std::uint32_t>(kind == Kind::kProducts ? (std::int64_t{1} << 31) - sum : sum);
}

// `n` rows directly before a page that must not be touched, as a plane with one segment holds them.
struct CodeRows {
  CodeRows(Kind kind, Fill fill, std::size_t rows, std::size_t row_bytes)
      : memory(rows * row_bytes), bases(kNumSegments + 1, reinterpret_cast<std::uintptr_t>(memory.data())) {
    for (std::size_t r = 0; r < rows; ++r) fill_row(kind, fill, 100 * r, row_bytes, memory.bytes() + r * row_bytes);
    view.rows = {bases.data(), row_bytes};
    view.count = rows;
  }
  Guarded memory;
  std::vector<std::uintptr_t> bases;
  WalkView view;
};

void check_keys(const std::string& level, Kind kind, Fill fill, std::size_t rows, std::size_t row_bytes) {
  constexpr std::uint32_t kUntouched = 0xA5A5A5A5u;
  const CodeRows codes(kind, fill, rows, row_bytes);
  const Guarded query(query_bytes(kind, row_bytes));
  fill_query(kind, fill, 77, row_bytes, query.bytes());
  std::vector<Slot> slots(rows);
  for (std::size_t i = 0; i < rows; ++i) slots[i] = static_cast<Slot>(rows - 1 - i);
  std::vector<std::uint32_t> keys(rows + 4, kUntouched);
  walks_of(kind).keys(codes.view, query.data(), slots.data(), rows, keys.data());
  const std::string what = level + ", " + kNames[static_cast<int>(kind)] + ", " + std::to_string(row_bytes) +
                           " bytes, row of " + std::to_string(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    check_equal(keys[i], true_key(kind, query.bytes(), codes.view.rows.row(slots[i]), row_bytes), what);
  }
  for (std::size_t i = rows; i < keys.size(); ++i) check_equal(keys[i], kUntouched, what + ": behind the keys");
}

void keys_are_exact_at_every_level() {
  for_each_level([](const std::string& level) {
    for (const Kind kind : kKinds) {
      for (const Fill fill : kFills) {
        for (std::size_t row_bytes = 64; row_bytes <= 1536; row_bytes += 64) {
          check_keys(level, kind, fill, 1 + row_bytes / 64 % 9, row_bytes);
        }
        for (std::size_t rows = 1; rows <= 9; ++rows) check_keys(level, kind, fill, rows, 128);
      }
    }
  });
}

void a_row_becomes_a_query_alike_at_every_level() {
  for_each_level([](const std::string& level) {
    for (const Kind kind : kKinds) {
      for (std::size_t row_bytes = 64; row_bytes <= 640; row_bytes += 64) {
        const CodeRows codes(kind, Fill::kRandom, 1, row_bytes);
        const unsigned char* row = codes.memory.bytes();
        const Guarded buffer(query_bytes(kind, row_bytes));
        const auto* query = static_cast<const unsigned char*>(walks_of(kind).query_of(row, row_bytes, buffer.data()));
        std::vector<unsigned char> expected(query_bytes(kind, row_bytes));
        for (std::size_t i = 0; i < (kind == Kind::kNibbles ? 2 * row_bytes : row_bytes); ++i) {
          expected[i] = static_cast<unsigned char>(value_at(kind, row, i));
        }
        add_sum(kind, expected.data(), row_bytes);
        check(std::memcmp(query, expected.data(), expected.size()) == 0,
              level + ", " + kNames[static_cast<int>(kind)] + ", " + std::to_string(row_bytes) + " bytes");
      }
    }
  });
}

struct Rounding {
  float inverse_step, lowest, highest;
};

// Round half to even, as the language has it.
unsigned char true_code(float x, float origin, const Rounding& rounding) {
  const float scaled = (x - origin) * rounding.inverse_step;
  const float held = std::fmin(std::fmax(scaled, rounding.lowest), rounding.highest);
  return static_cast<unsigned char>(static_cast<int>(std::nearbyint(held)));
}

void check_encoder(const std::vector<float>& vector, const std::vector<float>& origin, const Rounding& rounding,
                   const std::string& what) {
  constexpr unsigned char kUntouched = 0xA5;
  const std::size_t n = vector.size();
  const Guarded guarded(n * sizeof(float));
  std::memcpy(guarded.data(), vector.data(), n * sizeof(float));
  for_each_level([&](const std::string& level) {
    std::vector<unsigned char> codes(n + 64, kUntouched);
    active_level().floats->encode(reinterpret_cast<const float*>(guarded.data()), origin.data(), rounding.inverse_step,
                                  rounding.lowest, rounding.highest, n, codes.data());
    for (std::size_t d = 0; d < n; ++d) {
      check_equal(int{codes[d]}, int{true_code(vector[d], origin[d], rounding)},
                  level + ", " + what + ", code of " + std::to_string(vector[d]) + " at " + std::to_string(d));
    }
    for (std::size_t d = n; d < codes.size(); ++d) check_equal(codes[d], kUntouched, level + ": behind the codes");
  });
}

void encoding_rounds_half_to_even_and_holds_at_the_edge() {
  check_equal(std::fegetround(), FE_TONEAREST, "the rounding of the test itself");
  for (const Rounding& rounding : {Rounding{1, 0, 127}, Rounding{1, -127, 127}, Rounding{1, 0, 15}}) {
    std::vector<float> vector;
    for (int i = -600; i <= 600; ++i) {  // ties, wholes, and what lies beside them
      const float x = static_cast<float>(i) * 0.25f;
      for (const float y : {x, std::nextafter(x, -1e9f), std::nextafter(x, 1e9f)}) vector.push_back(y);
    }
    for (const float x : {-0.0f, 1e-45f, -1e-45f, 1e38f, -1e38f, 3.4e38f, -3.4e38f, 0x1p23f, -0x1p24f}) {
      vector.push_back(x);
    }
    while (vector.size() % 16 != 0) vector.push_back(0.5f);
    check_encoder(vector, std::vector<float>(vector.size(), 0.0f), rounding, "quarters");
  }
}

void encoding_is_alike_at_every_level() {
  for (const std::size_t n : {16u, 32u, 48u, 112u, 384u, 784u}) {
    std::vector<float> vector(n), origin(n);
    for (std::size_t d = 0; d < n; ++d) {
      vector[d] = uniform(31, d) * 3;
      origin[d] = uniform(32, d) - 1.2f;
    }
    for (const Rounding& rounding : {Rounding{127.0f / 2.4f, 0, 127}, Rounding{127.0f / 2.9f, -127, 127},
                                     Rounding{15.0f / 2.4f, 0, 15}, Rounding{0, -127, 127}}) {
      check_encoder(vector, origin, rounding, std::to_string(n) + " dimensions");
    }
    std::vector<float> huge(n, 3e38f), low(n, -3e38f);  // their difference is infinite
    check_encoder(huge, low, {0x1p-60f, 0, 127}, "huge");
    check_encoder(low, huge, {0x1p-60f, 0, 127}, "huge and negative");
  }
}

// A query that lies outside of the grid is compared as it is: close to float64, and with the same bits at every level.
void codes_are_compared_as_numbers() {
  constexpr std::size_t kRows = 7;  // one batch of four and one of three
  for (const Kind kind : kKinds) {
    for (const std::size_t row_bytes : {64u, 128u, 192u, 448u}) {
      const CodeRows codes(kind, Fill::kRandom, kRows, row_bytes);
      const std::size_t dimensions = kind == Kind::kNibbles ? 2 * row_bytes : row_bytes;
      const Guarded memory(dimensions * sizeof(float));
      auto* query = reinterpret_cast<float*>(memory.data());
      for (std::size_t d = 0; d < dimensions; ++d) query[d] = 300 * uniform(row_bytes, d);
      std::vector<Slot> slots(kRows);
      for (std::size_t i = 0; i < kRows; ++i) slots[i] = static_cast<Slot>(i);
      std::vector<std::uint32_t> expected;
      for_each_level([&](const std::string& level) {
        std::vector<std::uint32_t> keys(kRows);
        const Walks& walks = active_level().floats->number_walks[static_cast<int>(kind)];
        walks.keys(codes.view, query, slots.data(), kRows, keys.data());
        const std::string what = level + ", " + kNames[static_cast<int>(kind)] + ", " + std::to_string(row_bytes);
        for (std::size_t i = 0; i < kRows; ++i) {
          double sum = 0, size = 0;
          for (std::size_t d = 0; d < dimensions; ++d) {
            const double code = value_at(kind, codes.view.rows.row(slots[i]), d) / (kind == Kind::kNibbles ? 8.0 : 1.0);
            const double q = query[d];
            sum += kind == Kind::kProducts ? -q * code : (q - code) * (q - code);
            size += std::fabs(q * code) + q * q;
          }
          const double scale = kind == Kind::kNibbles ? 1.0 : 1.0 / (127.0 * 127.0);
          const double truth = sum * scale + (kind == Kind::kProducts ? 1 : 0);
          check_near(distance_of(keys[i]), truth, 1e-5 * size * scale + 1e-6, what);
        }
        if (expected.empty()) expected = keys;
        check(keys == expected, what + ": other bits than scalar");
      });
    }
  }
}

// What is held at the edge is told, in steps; and a query as numbers is what it was, on the scale of the rows.
void a_query_tells_how_far_it_lies_outside() {
  for (const Kind kind : {Kind::kDifferences, Kind::kNibbles}) {
    constexpr std::uint32_t kDimensions = 20;
    IndexConfig config{Space::Euclidean, Storage::Float32, kDimensions};
    config.codes = kind == Kind::kNibbles ? Codes::Int4 : Codes::Int8;
    for_each_level([&](const std::string& level) {
      const Metric metric(config, active_level());
      Grid grid = empty_grid(config.codes, config.space, kDimensions);
      grid.step = 0.5f;
      grid.origin.assign(metric.padded, -2.0f);
      std::vector<float> query(metric.padded, -2.0f), numbers(query_code_bytes(kDimensions), 7.0f);
      std::vector<unsigned char> codes(query_code_bytes(kDimensions) + 4);
      check_equal(metric.encode_query(grid, query.data(), codes.data()), 0.0f, level + ": inside");
      query[3] = -2.0f - 3 * grid.step;     // 3 steps below
      query[11] = -2.0f + 131 * grid.step;  // 4 above
      check_equal(metric.encode_query(grid, query.data(), codes.data()), 25.0f, level + ": outside");
      write_in_steps(grid, query.data(), numbers.data());
      const float unit = kind == Kind::kNibbles ? 8 : 1;
      check_equal(numbers[3], -3 / unit, level + ": below");
      check_equal(numbers[11], 131 / unit, level + ": above");
      check_equal(numbers[0] + numbers[metric.padded] + numbers.back(), 0.0f, level + ": at the edge and behind");
    });
  }
}

// The place of each dimension in a row of 4 bits, and what stands behind the codes of a query.
void vectors_become_codes() {
  for (const std::uint32_t dimensions : {1u, 15u, 16u, 64u, 65u, 100u, 128u, 129u, 200u, 384u}) {
    for (const Kind kind : kKinds) {
      IndexConfig config{kind == Kind::kProducts ? Space::InnerProduct : Space::Euclidean, Storage::Float32,
                         dimensions};
      config.codes = kind == Kind::kNibbles ? Codes::Int4 : Codes::Int8;
      Grid grid = empty_grid(config.codes, config.space, dimensions);
      grid.step = 0.25f;
      for_each_level([&](const std::string& level) {
        const Metric metric(config, active_level());
        grid.origin.assign(metric.padded, 0.0f);
        std::vector<float> vector(metric.padded);
        std::vector<int> expected(query_code_bytes(dimensions));
        for (std::size_t d = 0; d < dimensions; ++d) {
          const int value = static_cast<int>(mix64(d) % 16) * 8;
          expected[d] = kind == Kind::kProducts && d % 2 == 0 ? -value : value;
          vector[d] = static_cast<float>(expected[d]) * grid.step;
        }
        const std::size_t row_bytes = code_bytes(config.codes, dimensions);
        const Guarded row(row_bytes), query(query_code_bytes(dimensions) + 4);
        std::memset(query.data(), 0x5A, query_code_bytes(dimensions) + 4);
        metric.encode_codes(grid, vector.data(), row.bytes());
        metric.encode_query(grid, vector.data(), query.bytes());
        const std::string what = level + ", " + kNames[static_cast<int>(kind)] + ", d = " + std::to_string(dimensions);
        // The query of an inner product has a grid of its own: 127 steps to its largest component.
        float largest = 0;
        for (const float x : vector) largest = std::max(largest, std::fabs(x));
        const Rounding own{largest > 0 ? 127.0f / largest : 0.0f, -127, 127};
        std::int32_t sum = 0;
        for (std::size_t i = 0; i < (kind == Kind::kNibbles ? 2 * row_bytes : row_bytes); ++i) {
          check_equal(value_at(kind, row.bytes(), i), expected[i], what + ", row at " + std::to_string(i));
          const float x = i < vector.size() ? vector[i] : 0.0f;
          const int q = kind == Kind::kProducts ? true_code(x, 0, own) : expected[i];
          check_equal(int{query.bytes()[i]}, q, what + ", query at " + std::to_string(i));
          sum += kind == Kind::kNibbles ? q * q : static_cast<std::int8_t>(q);
        }
        std::int32_t behind = 0;
        std::memcpy(&behind, query.bytes() + (kind == Kind::kNibbles ? 2 * row_bytes : row_bytes), sizeof behind);
        if (kind != Kind::kDifferences) check_equal(behind, sum, what + ": the sum behind a query");
      });
    }
  }
}

const Group group{
    "codes",
    {{"keys are exact at every level", keys_are_exact_at_every_level},
     {"a row becomes a query alike at every level", a_row_becomes_a_query_alike_at_every_level},
     {"encoding rounds half to even and holds at the edge", encoding_rounds_half_to_even_and_holds_at_the_edge},
     {"encoding is alike at every level", encoding_is_alike_at_every_level},
     {"codes are compared as numbers", codes_are_compared_as_numbers},
     {"a query tells how far it lies outside", a_query_tells_how_far_it_lies_outside},
     {"vectors become codes", vectors_become_codes}}};

}  // namespace
}  // namespace nearfield::test
