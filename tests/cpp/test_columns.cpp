// Attributes of rows: written, changed, carried and tested, against plain lists.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "columns/carry.h"
#include "columns/program.h"
#include "columns/write.h"
#include "fixtures.h"
#include "nearfield/error.h"
#include "nearfield/index.h"

namespace nearfield::test {
namespace {

constexpr std::size_t kDimensions = 4;
using StepKind = FilterStep::Kind;
using Numbers = std::vector<std::optional<std::int64_t>>;

std::string word_of(std::int64_t number) {
  std::string word = std::to_string(number);
  word.insert(word.begin(), 'w');
  return word;
}

// Columns of whole numbers and of words, which live as long as what they are given to.
struct Given {
  std::vector<std::int64_t> values;
  std::vector<std::uint8_t> present;
  std::vector<std::uint32_t> places;
  std::vector<ColumnValues> columns;

  Given(const Numbers& numbers, const std::string& name) {
    for (const auto& number : numbers) {
      values.push_back(number.value_or(0));
      present.push_back(number.has_value());
    }
    columns.push_back({name, ColumnType::Int64, values.data(), present.data(), nullptr, {}});
  }
  // The same numbers as words.
  void add_words(const std::string& name) {
    ColumnValues words{name, ColumnType::Category, nullptr, present.data(), nullptr, {}};
    for (const std::int64_t value : values) {
      places.push_back(static_cast<std::uint32_t>(words.words.size()));
      words.words.push_back(word_of(value));
    }
    words.values = places.data();
    columns.push_back(std::move(words));
  }
};

Numbers read_numbers(const Index& index, const std::string& name, const std::vector<Id>& ids) {
  const ColumnRead read = index.get_columns({name}, ids.data(), ids.size(), false).front();
  Numbers out(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (read.present[i] == 0) continue;
    std::int64_t value = 0;
    if (read.type == ColumnType::Int64) {
      std::memcpy(&value, read.values.data() + i * sizeof value, sizeof value);
    } else {
      std::uint32_t place = 0;
      std::memcpy(&place, read.values.data() + i * sizeof place, sizeof place);
      value = std::stoll(read.words[place].substr(1));
    }
    out[i] = value;
  }
  return out;
}

std::vector<Id> ids_up_to(std::size_t n, Id first = 0) {
  std::vector<Id> ids(n);
  for (std::size_t i = 0; i < n; ++i) ids[i] = first + i;
  return ids;
}

Numbers some_numbers(std::size_t n, std::uint64_t seed, std::uint64_t below) {
  Numbers numbers(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t bits = mix64(seed + i);
    if (bits % 7 != 0) numbers[i] = static_cast<std::int64_t>((bits >> 8) % below) - 3;
  }
  return numbers;
}

void add(Index& index, const std::vector<Id>& ids, std::uint64_t seed, const std::vector<ColumnValues>* columns) {
  AddOptions options;
  options.columns = columns;
  const std::vector<float> vectors = scattered(ids.size(), kDimensions, seed);
  index.add(vectors.data(), ids.size(), ids.data(), nullptr, options);
}

void change(Columns& columns, const std::vector<ColumnValues>& columns_given, const std::vector<Slot>& slots) {
  GivenValues given(&columns_given);
  change_rows(columns, given, slots);
}

ColumnRead read(const Columns& columns, const std::string& name, const std::vector<Slot>& slots) {
  const std::vector<std::string> names{name};
  return read_rows(columns, names, slots).front();
}

Index make_index() { return Index({.space = Space::Euclidean, .dimensions = kDimensions, .M = 4}); }

std::size_t count_of(const Index& index, std::vector<FilterStep> steps) {
  const FilterProgram program(std::move(steps));
  return index.count_passing(program);
}

FilterStep ints(const std::string& column, std::int64_t low, std::int64_t high) {
  FilterStep step;
  step.kind = StepKind::Ints;
  step.column = column;
  step.ranges = {{low, high}};
  return step;
}

FilterStep joined(StepKind kind, std::size_t operands) {
  FilterStep step;
  step.kind = kind;
  step.operands = operands;
  return step;
}

void values_come_back_at_every_size_of_words() {
  for (const std::size_t below : {std::size_t{9}, std::size_t{400}}) {
    Index index = make_index();
    const std::size_t rows = 9000;
    const std::vector<Id> ids = ids_up_to(rows);
    const Numbers numbers = some_numbers(rows, below, below);
    Given given(numbers, "number");
    given.add_words("word");
    add(index, ids, 1, nullptr);
    index.set_columns(ids.data(), rows, given.columns, true);
    check(read_numbers(index, "number", ids) == numbers, "numbers below " + std::to_string(below));
    check(read_numbers(index, "word", ids) == numbers, "words below " + std::to_string(below));
  }
  Columns columns;  // more than 2^16 words, without a graph
  const std::size_t rows = 70000;
  Numbers numbers(rows);
  for (std::size_t i = 0; i < rows; ++i) numbers[i] = static_cast<std::int64_t>(i);
  Given given(numbers, "number");
  given.add_words("word");
  make_columns(columns, given.columns);
  std::vector<Slot> slots(rows);
  for (std::size_t i = 0; i < rows; ++i) slots[i] = static_cast<Slot>(i);
  change(columns, given.columns, slots);
  const ColumnRead found = read(columns, "word", slots);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    std::uint32_t place = 0;
    std::memcpy(&place, found.values.data() + i * sizeof place, sizeof place);
    wrong += found.words[place] != word_of(static_cast<std::int64_t>(i));
  }
  check_equal(wrong, std::size_t{0}, "words of 32 bits that are wrong");
  check_equal(static_cast<int>(columns.find("word")->chunks.back()->width), 4, "bytes of a word beyond 65536");
}

void what_passes_is_what_plain_loops_find() {
  Index index = make_index();
  const std::size_t rows = 9000;
  const std::vector<Id> ids = ids_up_to(rows);
  const Numbers numbers = some_numbers(rows, 5, 40);
  Given given(numbers, "number");
  given.add_words("word");
  add(index, ids, 1, &given.columns);
  std::size_t in_range = 0, null = 0, of_word = 0, both = 0;
  for (const auto& number : numbers) {
    in_range += number && *number >= -1 && *number <= 12;
    null += !number;
    of_word += number && *number == 3;
    both += (number && *number >= -1 && *number <= 12) && !(number && *number == 3);
  }
  FilterStep is_null;
  is_null.kind = StepKind::Null;
  is_null.column = "number";
  FilterStep word;
  word.kind = StepKind::Words;
  word.column = "word";
  word.words = {"w3", "nobody's"};
  check_equal(count_of(index, {ints("number", -1, 12)}), in_range, "in a range");
  check_equal(count_of(index, {is_null}), null, "without a value");
  check_equal(count_of(index, {word}), of_word, "of a word");
  check_equal(count_of(index, {word, joined(StepKind::Not, 0)}), rows - of_word, "not of a word");
  check_equal(count_of(index, {ints("number", -1, 12), word, joined(StepKind::Not, 0), joined(StepKind::And, 2)}), both,
              "in a range and not of a word");
  check_equal(count_of(index, {joined(StepKind::And, 0)}), rows, "always");
  check_equal(count_of(index, {joined(StepKind::Or, 0)}), std::size_t{0}, "never");
  check_equal(count_of(index, {ints("number", 5, 2)}), std::size_t{0}, "in an empty range");
  for (const std::vector<FilterStep>& bad : {std::vector<FilterStep>{},
                                             {ints("nothing", 0, 1)},
                                             {ints("word", 0, 1)},
                                             {joined(StepKind::And, 2)},
                                             {ints("number", 0, 1), ints("number", 0, 1)}}) {
    bool refused = false;
    try {
      count_of(index, bad);
    } catch (const InvalidInput&) {
      refused = true;
    }
    check(refused, "a program that does not fit is refused");
  }
}

// Overwriting keeps what is not given; removing forgets.
void a_row_that_takes_the_place_of_another_has_its_values() {
  Index index = make_index();
  const std::vector<Id> ids = ids_up_to(3000);
  const Numbers numbers = some_numbers(3000, 7, 1000);
  Given given(numbers, "number");
  given.add_words("word");
  add(index, ids, 1, &given.columns);
  add(index, ids, 2, nullptr);
  check(read_numbers(index, "number", ids) == numbers, "overwritten without columns");
  const Numbers others = some_numbers(3000, 8, 1000);
  Given more(others, "number");
  add(index, ids, 3, &more.columns);
  check(read_numbers(index, "number", ids) == others, "overwritten with one column");
  check(read_numbers(index, "word", ids) == numbers, "the other column");
  index.remove(ids.data(), 1000, true);
  index.repair(1, {});
  add(index, ids_up_to(1000), 4, nullptr);
  const Numbers after = read_numbers(index, "word", ids_up_to(1000));
  check(after == Numbers(1000), "removed and added again: no values");
  index.compact(1, {});
  check(read_numbers(index, "number", ids_up_to(2000, 1000)) == Numbers(others.begin() + 1000, others.end()),
        "after compaction");
  check(read_numbers(index, "word", ids_up_to(1000)) == Numbers(1000), "after compaction, those without values");
}

// Who changes or removes a row while one that overwrites it is being linked.
void a_change_during_a_round_reaches_the_row_that_comes() {
  Columns columns;
  Given given(Numbers{1, 2, 3, std::nullopt}, "number");
  given.add_words("word");
  make_columns(columns, given.columns);
  const std::vector<Slot> old{0, 1, 2, 3}, fresh{4, 5, 6, 7};
  const std::vector<std::size_t> rows{0, 1, 2, 3};
  change(columns, given.columns, old);
  Given only_words(Numbers{7, 7, 7, 7}, "unused");
  only_words.add_words("word");
  const std::vector<ColumnValues> words{only_words.columns[1]};
  GivenValues round(&words);
  write_round(columns, round, fresh, rows, old);
  Given changed(Numbers{50, std::nullopt}, "number");
  change(columns, changed.columns, std::vector<Slot>{1, 2});
  forget_rows(columns, std::vector<Slot>{0});
  end_round(columns);
  const auto number_of = [&](Slot slot) -> std::optional<std::int64_t> {
    const ColumnRead found = read(columns, "number", std::vector<Slot>{slot});
    std::int64_t value = 0;
    std::memcpy(&value, found.values.data(), sizeof value);
    return found.present[0] != 0 ? std::optional(value) : std::nullopt;
  };
  check(!number_of(4), "its row was removed");
  check(number_of(5) == 50, "its row was changed");
  check(!number_of(6), "its row was changed to no value");
  check(!number_of(7), "its row had no value");
  change(columns, changed.columns, std::vector<Slot>{1, 2});
  check(number_of(5) == 50, "a change after the round goes to the row that it names alone");
  const ColumnRead found = read(columns, "word", std::vector<Slot>{4});
  check(found.present[0] != 0 && found.words[0] == "w7", "what is given with the round stays");
}

// What a query has begun to look at does not change under it.
void a_view_is_of_one_instant() {
  Columns columns;
  const std::size_t rows = 5000;
  std::vector<Slot> slots(rows);
  for (std::size_t i = 0; i < rows; ++i) slots[i] = static_cast<Slot>(i);
  Given ones(Numbers(rows, 1), "number"), twos(Numbers(rows, 2), "number");
  make_columns(columns, ones.columns);
  change(columns, ones.columns, slots);
  const std::vector<FilterStep> steps{ints("number", 1, 1)};
  const BoundProgram program(steps, columns);
  change(columns, twos.columns, slots);
  const CarriedColumns view = view_columns(columns);
  change(columns, ones.columns, slots);
  check_equal(bits_at(*view.before[0][0], 0), std::uint64_t{2}, "the second view");
  State state({.space = Space::Euclidean, .dimensions = kDimensions, .M = 4});
  Reading reading{};
  reading.state = &state;
  reading.view.count = rows;
  Allowed allowed{std::vector<std::uint64_t>(rows / 64 + 1, ~std::uint64_t{0}), rows};
  allowed.bits.back() = (std::uint64_t{1} << (rows & 63)) - 1;
  program.keep_passing(allowed, reading);
  check_equal(allowed.count, rows, "the first view");
}

// Compaction copies columns without a lock; what changes meanwhile is carried in the end.
void columns_are_carried_as_they_are_in_the_end() {
  Columns old, fresh;
  const std::size_t rows = 10000;
  std::vector<Slot> slots(rows), slot_of(rows, kNoSlot);
  for (std::size_t i = 0; i < rows; ++i) slots[i] = static_cast<Slot>(i);
  std::size_t left = 0;
  for (std::size_t i = 0; i < rows; i += 2) slot_of[i] = static_cast<Slot>(rows / 2 - 1 - left++);  // others are gone
  Numbers numbers = some_numbers(rows, 11, 200);
  Given given(numbers, "number");
  given.add_words("word");
  make_columns(old, given.columns);
  change(old, given.columns, slots);
  CarriedColumns carried = view_columns(old);
  carry_columns(carried, slot_of, left);
  Numbers some(100);
  for (std::size_t i = 0; i < 100; ++i) {
    if (i % 3 != 0) some[i] = static_cast<std::int64_t>(100000 + i);
    numbers[4000 + i] = some[i];
  }
  Given changed(some, "number");
  changed.add_words("word");
  Given late(Numbers(rows, 5), "late");
  change(old, changed.columns, std::vector<Slot>(slots.begin() + 4000, slots.begin() + 4100));
  make_columns(old, late.columns);
  change(old, late.columns, slots);
  finish_columns(carried, slot_of, left, old, fresh);
  check(old.all.empty() && fresh.all.size() == 3, "all of them have moved");
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < rows; i += 2) {
    const std::vector<Slot> slot{slot_of[i]};
    const ColumnRead number = read(fresh, "number", slot), word = read(fresh, "word", slot);
    std::int64_t value = 0;
    std::memcpy(&value, number.values.data(), sizeof value);
    wrong += (number.present[0] != 0) != numbers[i].has_value() || (numbers[i] && value != *numbers[i]);
    wrong += numbers[i] && (word.present[0] == 0 || word.words[0] != word_of(*numbers[i]));
    wrong += read(fresh, "late", slot).present[0] == 0;
  }
  check_equal(wrong, std::size_t{0}, "values that are wrong");
}

// Two columns that change together are seen together, by any query.
void queries_see_all_of_a_call_or_nothing() {
  Index index = make_index();
  const std::size_t rows = 6000;
  const std::vector<Id> ids = ids_up_to(rows);
  Given zeros(Numbers(rows, 0), "a"), zeros_too(Numbers(rows, 0), "b");
  std::vector<ColumnValues> both{zeros.columns[0], zeros_too.columns[0]};
  add(index, ids, 1, &both);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::int64_t n = 1; n <= 60; ++n) {
      Given a(Numbers(rows, n % 2), "a"), b(Numbers(rows, n % 2), "b");
      const std::vector<ColumnValues> next{a.columns[0], b.columns[0]};
      index.set_columns(ids.data(), rows, next, true);
    }
    done = true;
  });
  std::size_t torn = 0, looked = 0;
  const FilterProgram differ({ints("a", 0, 0), ints("b", 1, 1), joined(StepKind::And, 2), ints("a", 1, 1),
                              ints("b", 0, 0), joined(StepKind::And, 2), joined(StepKind::Or, 2)});
  const FilterProgram zero({ints("a", 0, 0)});
  do {
    torn += index.count_passing(differ);
    const std::size_t now = index.count_passing(zero);
    torn += now != 0 && now != rows;
    ++looked;
  } while (!done);
  writer.join();
  check_equal(torn, std::size_t{0}, "rows seen half changed");
  check(looked > 0, "somebody looked");
  check_equal(index.count_passing(zero), rows, "what was kept is not what passes now");
}

const Group group{
    "columns",
    {{"values come back at every size of words", values_come_back_at_every_size_of_words},
     {"what passes is what plain loops find", what_passes_is_what_plain_loops_find},
     {"a row that takes the place of another has its values", a_row_that_takes_the_place_of_another_has_its_values},
     {"a change during a round reaches the row that comes", a_change_during_a_round_reaches_the_row_that_comes},
     {"a view is of one instant", a_view_is_of_one_instant},
     {"columns are carried as they are in the end", columns_are_carried_as_they_are_in_the_end},
     {"queries see all of a call or nothing", queries_see_all_of_a_call_or_nothing}}};

}  // namespace
}  // namespace nearfield::test
