#include "columns/program.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "columns/id_cells.h"
#include "files/block_guard.h"
#include "nearfield/error.h"
#include "walk/filter.h"

namespace nearfield {
namespace {

using Kind = FilterStep::Kind;
using Bits = std::array<std::uint64_t, kChunkWords>;  // of a chunk: a bit per slot

bool is_integer(ColumnType type) { return type <= ColumnType::Int64 || type == ColumnType::Timestamp; }
bool is_float(ColumnType type) { return type == ColumnType::Float32 || type == ColumnType::Float64; }

bool serves(Kind kind, ColumnType type) {
  switch (kind) {
    case Kind::Ints:
      return is_integer(type);
    case Kind::Floats:
      return is_float(type);
    case Kind::Words:
      return type == ColumnType::Category;
    case Kind::AnyTag:
    case Kind::AllTags:
      return type == ColumnType::Tags;
    default:
      return true;
  }
}

bool reads_column(Kind kind) { return kind >= Kind::Ints && kind <= Kind::Null; }

// 64 bytes of 0 or 1 as bits: eight of them by a product whose carries do not meet.
std::uint64_t pack(const std::uint8_t* mask) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    std::uint64_t eight;
    std::memcpy(&eight, mask + 8 * i, sizeof eight);
    word |= (eight * 0x0102040810204080u >> 56) << (8 * i);
  }
  return word;
}

// A test of 64 values at a time; loops without branches, which compilers turn into vector code.
template <class T, class Test>
void test_values(const ColumnChunk& chunk, Bits& out, const Test& test) {
  for (std::size_t w = 0; w < kChunkWords; ++w) {
    T values[64];
    std::memcpy(values, chunk.values.data() + w * sizeof values, sizeof values);
    std::uint8_t mask[64];
    for (std::size_t i = 0; i < 64; ++i) mask[i] = test(values[i]);
    out[w] |= pack(mask) & chunk.present[w];
  }
}

// Whether values lie between two, both of them included: as the distance from the first, without a sign.
template <class T>
void test_range(const ColumnChunk& chunk, Bits& out, T low, T high) {
  using U = std::make_unsigned_t<T>;
  const auto span = static_cast<U>(static_cast<U>(high) - static_cast<U>(low));
  test_values<T>(chunk, out, [low, span](T value) {
    return static_cast<std::uint8_t>(static_cast<U>(static_cast<U>(value) - static_cast<U>(low)) <= span);
  });
}

template <class T>
void test_ranges(const ColumnChunk& chunk, Bits& out, std::span<const std::pair<std::int64_t, std::int64_t>> ranges) {
  constexpr std::int64_t kLeast = std::numeric_limits<T>::min(), kMost = std::numeric_limits<T>::max();
  for (const auto& [low, high] : ranges) {
    if (low > high || high < kLeast || low > kMost) continue;
    test_range<T>(chunk, out, static_cast<T>(std::max(low, kLeast)), static_cast<T>(std::min(high, kMost)));
  }
}

template <class T>
void test_float_ranges(const ColumnChunk& chunk, Bits& out, std::span<const std::pair<double, double>> ranges) {
  for (const auto& [low, high] : ranges) {
    test_values<T>(chunk, out, [low = low, high = high](T value) {
      const auto number = static_cast<double>(value);
      return static_cast<std::uint8_t>((number >= low) & (number <= high));
    });
  }
}

template <class T>
void test_numbers(const ColumnChunk& chunk, Bits& out, const std::vector<std::uint8_t>& wanted) {
  test_values<T>(chunk, out, [&wanted](T number) { return wanted[number]; });
}

// Of the words or sets of a column, by number: 1 where it is wanted. A chunk may hold any number of its width.
std::vector<std::uint8_t> table_of(std::size_t numbers) {
  return std::vector<std::uint8_t>(std::max<std::size_t>(numbers, numbers <= 256 ? 256 : numbers <= 65536 ? 65536 : 0));
}

std::vector<std::uint8_t> wanted_words(const Column& column, const std::vector<std::string>& words) {
  std::vector<std::uint8_t> wanted = table_of(column.words.size());
  for (const std::string& word : words) {
    const std::uint32_t number = column.words.find(word);
    if (number != Words::kNone) wanted[number] = 1;
  }
  return wanted;
}

std::vector<std::uint8_t> wanted_sets(const Column& column, const FilterStep& step) {
  std::vector<std::uint8_t> wanted = table_of(column.sets.size());
  const std::vector<std::uint8_t> is_asked = wanted_words(column, step.words);
  std::size_t num_asked = 0;
  bool all_known = true;
  for (const std::string& word : step.words) all_known = all_known && column.words.find(word) != Words::kNone;
  for (const std::uint8_t one : is_asked) num_asked += one;
  const std::size_t least = step.kind == Kind::AnyTag ? 1 : num_asked;
  if (step.kind == Kind::AllTags && !all_known) return wanted;
  for (std::size_t number = 0; number < column.sets.size(); ++number) {
    const std::string& set = column.sets[number];
    std::size_t found = 0;
    for (std::size_t at = 0; at < set.size(); at += sizeof(std::uint32_t)) {
      std::uint32_t tag = 0;
      std::memcpy(&tag, set.data() + at, sizeof tag);
      found += is_asked[tag];
    }
    wanted[number] = found >= least;
  }
  return wanted;
}

}  // namespace

struct BoundProgram::Step {
  FilterStep what;
  ColumnType type = ColumnType::Int64;
  ChunkList chunks;                  // of its column
  std::vector<std::uint8_t> wanted;  // Words, AnyTag, AllTags: by number
  std::vector<std::uint64_t> cells;  // Ids
  IdCells ids{};

  void test(const ColumnChunk& chunk, Bits& out) const;
  bool passes_id(Id id) const;
  void test_ids(std::size_t first, std::span<const std::uint64_t> asked, const Reading& reading, Bits& out) const;
};

void BoundProgram::Step::test(const ColumnChunk& chunk, Bits& out) const {
  switch (what.kind) {
    case Kind::Ints:
      switch (chunk.width) {
        case 1:
          return test_ranges<std::int8_t>(chunk, out, what.ranges);
        case 2:
          return test_ranges<std::int16_t>(chunk, out, what.ranges);
        case 4:
          return test_ranges<std::int32_t>(chunk, out, what.ranges);
        default:
          return test_ranges<std::int64_t>(chunk, out, what.ranges);
      }
    case Kind::Floats:
      return type == ColumnType::Float32 ? test_float_ranges<float>(chunk, out, what.float_ranges)
                                         : test_float_ranges<double>(chunk, out, what.float_ranges);
    case Kind::Words:
    case Kind::AnyTag:
    case Kind::AllTags:
      switch (chunk.width) {
        case 1:
          return test_numbers<std::uint8_t>(chunk, out, wanted);
        case 2:
          return test_numbers<std::uint16_t>(chunk, out, wanted);
        default:
          return test_numbers<std::uint32_t>(chunk, out, wanted);
      }
    default:
      return;
  }
}

// Of the slots that are asked for alone: a free one may be taken meanwhile, and its id written.
void BoundProgram::Step::test_ids(std::size_t first, std::span<const std::uint64_t> asked, const Reading& reading,
                                  Bits& out) const {
  const WalkView& view = reading.view;
  for (std::size_t w = 0; w < asked.size(); ++w) {
    for (std::uint64_t left = asked[w]; left != 0; left &= left - 1) {
      const auto place = static_cast<std::size_t>(std::countr_zero(left));
      const auto* id = reinterpret_cast<const Id*>(view.ids.row(first + 64 * w + place));
      if (view.touch != nullptr && !view.touch(view.guard, id, sizeof *id)) reading.state->guard->throw_corrupt();
      out[w] |= std::uint64_t{passes_id(*id)} << place;
    }
  }
}

bool BoundProgram::Step::passes_id(Id id) const {
  if (what.kind == Kind::Ids) return holds_id(ids, id);
  return std::any_of(what.id_ranges.begin(), what.id_ranges.end(),
                     [id](const auto& range) { return range.first <= id && id <= range.second; });
}

BoundProgram::BoundProgram(std::span<const FilterStep> steps, const Columns& columns) {
  columns.begin_view();
  std::size_t waiting = 0;
  for (const FilterStep& what : steps) {
    Step step;
    step.what = what;
    if (reads_column(what.kind)) {
      const Column* column = columns.find(what.column);
      if (column == nullptr) throw InvalidInput("where: there is no column '" + what.column + "'");
      if (!serves(what.kind, column->type)) {
        throw InvalidInput("where: column '" + what.column + "' is of type " + name_of(column->type) +
                           " now; the expression was read for another");
      }
      step.type = column->type;
      step.chunks = column->chunks;
      if (what.kind == Kind::Words) step.wanted = wanted_words(*column, what.words);
      if (what.kind == Kind::AnyTag || what.kind == Kind::AllTags) step.wanted = wanted_sets(*column, what);
    }
    std::size_t distinct = 0;
    if (what.kind == Kind::Ids) step.ids = fill_cells(step.cells, what.ids, distinct);
    const std::size_t operands = what.kind == Kind::Not                            ? 1
                                 : what.kind == Kind::And || what.kind == Kind::Or ? what.operands
                                                                                   : 0;
    if (operands > waiting) throw InvalidInput("where: a step of the expression has too few operands");
    waiting = waiting - operands + 1;
    depth_ = std::max(depth_, waiting);
    steps_.push_back(std::move(step));
    if (what.kind == Kind::Ids) steps_.back().ids.cells = steps_.back().cells.data();
  }
  if (waiting != 1) throw InvalidInput("where: the expression leaves " + std::to_string(waiting) + " results");
}

BoundProgram::~BoundProgram() = default;
BoundProgram::BoundProgram(BoundProgram&&) noexcept = default;

void BoundProgram::keep_passing(Allowed& allowed, const Reading& reading) const {
  const std::size_t slots = reading.view.count;
  std::vector<Bits> stack(depth_);
  allowed.count = 0;
  for (std::size_t first = 0; first < slots; first += kChunkSlots) {
    const std::size_t count = std::min(kChunkSlots, slots - first);
    const std::size_t words = (count + 63) / 64;
    std::uint64_t* bits = allowed.bits.data() + first / 64;
    if (std::all_of(bits, bits + words, [](std::uint64_t word) { return word == 0; })) continue;
    std::size_t top = 0;
    for (const Step& step : steps_) {
      const Kind kind = step.what.kind;
      if (kind == Kind::Not) {
        for (std::uint64_t& word : stack[top - 1]) word = ~word;
        continue;
      }
      if (kind == Kind::And || kind == Kind::Or) {
        const std::size_t below = top - step.what.operands;
        if (step.what.operands == 0) stack[below].fill(kind == Kind::And ? ~std::uint64_t{0} : 0);
        for (std::size_t i = below + 1; i < top; ++i) {
          for (std::size_t w = 0; w < kChunkWords; ++w) {
            stack[below][w] = kind == Kind::And ? stack[below][w] & stack[i][w] : stack[below][w] | stack[i][w];
          }
        }
        top = below + 1;
        continue;
      }
      Bits& out = stack[top++];
      out.fill(0);
      if (kind == Kind::Ids || kind == Kind::IdRange) {
        step.test_ids(first, {bits, words}, reading, out);
        continue;
      }
      const std::size_t number = first / kChunkSlots;
      const ColumnChunk* chunk = number < step.chunks.size() ? step.chunks[number].get() : nullptr;
      if (kind == Kind::Null) {
        for (std::size_t w = 0; w < kChunkWords; ++w)
          out[w] = chunk == nullptr ? ~std::uint64_t{0} : ~chunk->present[w];
      } else if (chunk != nullptr) {
        step.test(*chunk, out);
      }
    }
    for (std::size_t w = 0; w < words; ++w) {
      bits[w] &= stack[0][w];
      allowed.count += static_cast<std::size_t>(std::popcount(bits[w]));
    }
  }
}

}  // namespace nearfield
