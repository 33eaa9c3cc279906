// What is left of removals in files: equal bytes on every way to one content, half repaired graphs that go on where
// they stopped, and files that lie about them.
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "mortal.h"
#include "nearfield/error.h"

namespace nearfield::test {
namespace {

using format::Header;
using format::Kind;

LoadOptions mapped() {
  LoadOptions options;
  options.map = true;
  return options;
}

// --- one content, one sequence of bytes ----------------------------------------------------------

constexpr std::uint32_t kDimensions = 24;

// A life of an index, step by step.
using Step = std::function<void(Index& index, std::size_t num_threads)>;

// Of an index of `first_rows` at first.
std::vector<Step> steps_of_a_life(const std::vector<float>& vectors, std::size_t first_rows) {
  const auto add = [&vectors](std::size_t first, std::size_t rows, std::vector<Id> ids = {}) -> Step {
    return [=, &vectors](Index& index, std::size_t num_threads) {
      index.add(vectors.data() + first * kDimensions, rows, ids.empty() ? nullptr : ids.data(), nullptr,
                {num_threads, {}});
    };
  };
  const auto remove = [](std::vector<Id> ids, bool one_by_one) -> Step {
    return [=](Index& index, std::size_t) {
      if (!one_by_one) index.remove(ids.data(), ids.size(), false);
      for (const Id id : ids) {
        if (one_by_one) index.remove(&id, 1, false);
      }
    };
  };
  std::vector<Id> some;
  for (Id id = 0; id < 600; ++id) {
    if (mix64(id) % 6 == 0) some.push_back(id);
  }
  return {add(0, first_rows),
          remove(some, false),  // a repair begins and ends
          add(first_rows, 60),  // in free slots
          add(first_rows + 60, 80, ids_between(100, 180)),
          [](Index& index, std::size_t) {
            for (Id id = 200; id < 230; ++id) {
              if (index.holds(id)) index.mark_deleted(id);
              if (index.holds(id) && id % 3 == 0) index.unmark_deleted(id);
            }
          },
          remove(ids_between(300, 345), true),  // a repair begins, where the index is small
          add(first_rows + 140, 3),             // and goes on
          add(first_rows + 143, 20, ids_between(190, 210)),
          [](Index& index, std::size_t num_threads) { index.repair(num_threads, {}); },
          add(first_rows + 163, 90),
          remove(ids_between(0, 300), false),
          add(first_rows + 253, 280)};
}

void check_bytes_depend_on_the_calls_alone(const IndexConfig& config, std::size_t rows) {
  const std::vector<float> vectors = clustered(rows + 540, kDimensions, 4);
  const std::vector<Step> steps = steps_of_a_life(vectors, rows);
  const auto live = [&](std::size_t num_threads, const auto& is_saved_after) {
    Index index(config);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      steps[i](index, num_threads);
      if (is_saved_after(i)) index = Index::load(bytes_of(index), {});
    }
    check(index.validate().empty(), index.validate());
    return bytes_of(index);
  };
  const auto never = [](std::size_t) { return false; };
  const auto always = [](std::size_t) { return true; };
  const Bytes expected = live(1, never);
  const std::string what = "storage " + std::to_string(static_cast<int>(config.storage)) + ", " +
                           name_of({config.space, config.codes}) + ", rows " + std::to_string(rows);
  for (const std::size_t num_threads : {2u, 3u}) check(live(num_threads, never) == expected, what + ": threads");
  for_each_level([&](const std::string& name) { check(live(1, never) == expected, what + ": " + name); });
  check(live(2, always) == expected, what + ": saved and loaded after every step");
  for (std::size_t step = 0; step + 1 < steps.size() && rows < kFewSlots; ++step) {
    check(live(1, [step](std::size_t i) { return i == step; }) == expected,
          what + ": saved and loaded after step " + std::to_string(step));
  }
}

void bytes_depend_on_the_calls_alone() {
  for (const auto& [storage, codes] : {std::pair{Storage::Float32, Codes::None},
                                       {Storage::Float32, Codes::Int8},
                                       {Storage::Float32, Codes::Int4},
                                       {Storage::CodesOnly, Codes::Int8}}) {
    check_bytes_depend_on_the_calls_alone({Space::Euclidean, storage, kDimensions, 6, 20, 1, codes}, 600);
  }
  // Of so many, codes alone keep the vectors of the last ones, at places that their numbers say.
  check_bytes_depend_on_the_calls_alone({Space::Cosine, Storage::CodesOnly, kDimensions, 4, 8, 1, Codes::Int8}, 4200);
}

// --- files in the midst of it --------------------------------------------------------------------

constexpr std::uint32_t kWide = 32;
constexpr std::size_t kRows = 800;  // 100 KiB of vectors: they are mapped

// Up to which point the second repair has come.
enum class Stage { Half, Sliced, Ended };

// Live and marked rows, rows that are dead since the repair has begun, rows that it is for, free slots and such as were
// taken again.
Index make_index(Stage stage) {
  const std::vector<float> vectors = clustered(kRows, kWide, 5);
  Index index(IndexConfig{Space::Euclidean, Storage::Float32, kWide, 6, 20, 1, Codes::Int8});
  index.add(vectors.data(), kRows, nullptr, nullptr, {1, {}});
  const std::vector<Id> ids = ids_between(0, kRows);
  index.remove(ids.data(), 100, true);
  index.add(vectors.data(), 40, nullptr, nullptr, {1, {}});
  for (Id id = 200; id < 205; ++id) index.mark_deleted(id);
  Id next = 300;
  const auto remove_one = [&] { index.remove(&next, 1, true), ++next; };
  while (index.stats().slots_to_repair == 0) remove_one();
  for (int i = 0; i < 4; ++i) remove_one();
  while (stage != Stage::Half && index.stats().slots_to_repair > 0) remove_one();
  if (stage == Stage::Ended) index.repair(1, {});
  return index;
}

const char* name_of(Stage stage) {
  return stage == Stage::Half ? "half repaired" : stage == Stage::Sliced ? "repaired in slices" : "repaired";
}

void files_go_on_where_the_index_was() {
  const std::vector<float> queries = clustered(40, kWide, 6), more = clustered(150, kWide, 7);
  for (const Stage stage : {Stage::Half, Stage::Sliced, Stage::Ended}) {
    Index index = make_index(stage);
    const std::string what = name_of(stage);
    const IndexStats stats = index.stats();
    check((stats.slots_to_repair > 0) == (stage == Stage::Half), what + ": slots to repair");
    check((stats.unrepaired > 0) == (stage != Stage::Ended) && stats.rows.free > 0, what + ": what slots are");
    const Bytes file = bytes_of(index);
    check((header_of(file).repair_end > 0) == (stage == Stage::Half), what + ": in the file");
    const TemporaryPath path("remove");
    path.write(file);
    std::vector<Answers> expected;
    for (const std::size_t ef : {std::size_t{40}, kRows}) expected.push_back(ask(index, queries, {10, ef, 1, {}}));
    const auto go_on = [&more](Index& one) {
      const std::vector<Id> ids = ids_between(400, 470);
      one.remove(ids.data(), 20, true);
      one.add(more.data(), 70, ids.data(), nullptr, {1, {}});
      one.repair(1, {});
      one.add(more.data() + 70 * kWide, 80, nullptr, nullptr, {1, {}});
      return bytes_of(one);
    };
    const Bytes end = go_on(index);
    for (const bool map : {false, true}) {
      Index loaded = Index::load(path.path, map ? mapped() : LoadOptions{});
      check_equal(loaded.stats().slots_to_repair, stats.slots_to_repair, what + ": slots to repair");
      check_equal(loaded.stats().unrepaired, stats.unrepaired, what + ": rows to which links lead");
      check(loaded.validate().empty(), what + ": " + loaded.validate());
      for (const Answers& answers : expected) {
        const Answers found = ask(loaded, queries, {10, &answers == &expected[0] ? 40 : kRows, 1, {}});
        check(found.ids == answers.ids && found.distances == answers.distances, what + ": answers");
        check_equal(found.counters.distances, answers.counters.distances, what + ": what they cost");
      }
      check(bytes_of(loaded) == file, what + ": written as it was");
      check(go_on(loaded) == end, what + ": goes on like the index itself");
    }
  }
}

// Once links lead there no more, a slot is free to whoever reads the file: he has no queries on their way.
void slots_that_wait_are_free_in_the_file() {
  MortalIndex index(IndexConfig{Space::Euclidean, Storage::Float32, kWide, 6, 20, 1, Codes::None});
  index.add(clustered(kRows, kWide, 5));
  const ScratchPool::Lease on_its_way = index.pool.lend();
  index.remove(0, 60);
  index.repair();
  check_equal(int{flags_of(index.state, 0)}, kDead | kUnlinked, "flags");
  const Bytes file = index.bytes();
  check(free_slots_of(file) == slots_between(0, 60), "in the file");
  Index loaded = Index::load(file, {});
  check(loaded.validate().empty() && bytes_of(loaded) == file, "read and written again: " + loaded.validate());
  loaded.add(clustered(60, kWide, 6).data(), 60, nullptr, nullptr, {1, {}});
  check_equal(loaded.counts().slots, kRows, "and taken");
}

// A save is of the instant at which it began, whatever is removed while it writes.
void a_file_holds_what_was_there_when_it_was_begun() {
  Index index = make_index(Stage::Half);
  const Bytes before = bytes_of(index);
  Bytes file;
  Id next = 500;
  index.write([&](const std::byte* data, std::size_t n) {
    file.insert(file.end(), data, data + n);
    if (next < 600) check_equal(index.remove(&next, 1, true), std::size_t{1}, "removed"), ++next;
    if (next == 520) index.mark_deleted(700);
  });
  check(next > 501, "pieces of the file: " + std::to_string(next - 500));
  check(file == before, "what was removed meanwhile is in the file");
  check(bytes_of(index) != before, "but not in the next one");
}

// --- files that lie ------------------------------------------------------------------------------

// Whatever the file says, calls on it end, the graph stays sound, and what it is written to is read again.
void use(Index index, const std::string& what) {
  const std::vector<float> vectors = clustered(30, kWide, 8);
  for (const std::size_t ef : {std::size_t{40}, 2 * kRows}) ask(index, vectors, {5, ef, 1, {}});
  const std::vector<Id> ids = index.ids(true);
  std::vector<float> out(kWide);
  for (std::size_t i = 0; i < ids.size(); i += 50) {
    if (index.contains(ids[i])) index.get_vectors(&ids[i], 1, out.data());
  }
  index.add(vectors.data(), 10, nullptr, nullptr, {1, {}});
  index.remove(ids.data(), std::min<std::size_t>(ids.size(), 90), false);
  index.add(vectors.data(), 10, nullptr, nullptr, {1, {}});
  index.repair(1, {});
  index.add(vectors.data(), 30, nullptr, nullptr, {1, {}});
  ask(index, vectors, {5, 40, 1, {}});
  check(index.validate().empty(), what + ": taken, and then " + index.validate());
  const std::string refused = refused_field(bytes_of(index));
  check(refused.empty(), what + ": taken, and what it writes is refused for '" + refused + "'");
}

// Whole and mapped. Returns whether it was taken when it was read whole.
bool is_taken(Bytes bytes, const TemporaryPath& path, const std::string& what) {
  seal(bytes);
  path.write(bytes);
  bool taken = false;
  for (const bool map : {true, false}) {
    try {
      use(Index::load(path.path, map ? mapped() : LoadOptions{}), what + (map ? ", mapped" : ", read whole"));
      taken = true;
    } catch (const CorruptIndexFile&) {
      taken = false;
    }
  }
  return taken;
}

void headers_that_lie_do_no_harm() {
  const TemporaryPath path("remove");
  for (const Stage stage : {Stage::Half, Stage::Sliced, Stage::Ended}) {
    const Bytes good = bytes_of(make_index(stage));
    check(is_taken(good, path, name_of(stage)), "the good file");
    const Header header = header_of(good);
    const auto try_values = [&](std::size_t at, std::uint64_t value, const std::string& field) {
      std::size_t taken = 0;
      for (const std::uint64_t lie :
           {std::uint64_t{0}, std::uint64_t{1}, value - 1, value + 1, value + 100, header.count, header.count + 1,
            std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
        if (lie == value) continue;
        Bytes bytes = good;
        store(bytes, at, lie);
        taken += is_taken(bytes, path, std::string(name_of(stage)) + ", " + field + " " + std::to_string(lie));
      }
      return taken;
    };
    check_equal(try_values(offsetof(Header, num_free), header.num_free, "num_free"), std::size_t{0}, "num_free");
    check_equal(try_values(offsetof(Header, num_superseded), header.num_superseded, "num_superseded"), std::size_t{0},
                "num_superseded");
    try_values(offsetof(Header, published), header.published, "published");
    try_values(offsetof(Header, repair_next), header.repair_next, "repair_next");
    try_values(offsetof(Header, repair_end), header.repair_end, "repair_end");
    Bytes bytes = good;
    store(bytes, offsetof(Header, features), std::uint64_t{0});
    check(!is_taken(bytes, path, "features"), "without the feature");
  }
}

// One slot of each kind is given each value; once as it is, once with the counts of the header mended.
void flags_that_lie_do_no_harm() {
  const TemporaryPath path("remove");
  for (const Stage stage : {Stage::Half, Stage::Sliced, Stage::Ended}) {
    const Bytes good = bytes_of(make_index(stage));
    const Header header = header_of(good);
    const auto flags = plane_of<std::uint8_t>(good, Kind::Flags);
    const std::size_t at = section_of(good, Kind::Flags).offset;
    std::map<int, std::size_t> slots;  // the last of each kind
    for (std::size_t slot = 0; slot < flags.size(); ++slot) slots[flags[slot]] = slot;
    slots[256] = header.entry_slot;
    for (const auto& [kind, slot] : slots) {
      for (const int lie : {0, 1, 2, 3, 4, 8, 9, 16, 18, 32, 34, 50, 64, 66, 255}) {
        if (lie == flags[slot]) continue;
        Bytes bytes = good;
        store(bytes, at + slot, static_cast<std::uint8_t>(lie));
        const std::string what = std::string(name_of(stage)) + ", flags " + std::to_string(flags[slot]) + " of slot " +
                                 std::to_string(slot) + " as " + std::to_string(lie);
        const bool same_counts = (flags[slot] & kDead) != 0 && (lie & kDead) != 0;
        check(!is_taken(bytes, path, what) || same_counts, what + ": taken");
        const auto change = [&bytes](std::size_t field, int by) {
          std::uint64_t count = 0;
          std::memcpy(&count, bytes.data() + field, sizeof count);
          store(bytes, field, count + static_cast<std::uint64_t>(by));
        };
        const auto move = [&](int value, int by) {
          if (value == kMarked) change(offsetof(Header, num_marked), by);
          if ((value & kDead) != 0) change(offsetof(Header, num_superseded), by);
          if (value == kFree) change(offsetof(Header, num_free), by);
        };
        move(flags[slot], -1);
        move(lie, 1);
        is_taken(bytes, path, what + ", counted");
      }
    }
  }
}

void numbers_that_lie_do_no_harm() {
  const TemporaryPath path("remove");
  const Bytes good = bytes_of(make_index(Stage::Half));
  const std::uint64_t published = header_of(good).published;
  const format::Section section = section_of(good, Kind::Numbers);
  const auto flags = plane_of<std::uint8_t>(good, Kind::Flags);
  const std::size_t free = free_slots_of(good)[0];
  const auto dead = static_cast<std::size_t>(std::find(flags.begin(), flags.end(), kDead) - flags.begin());
  for (const std::size_t slot : {std::size_t{150}, free, dead, kRows - 1}) {
    for (const std::uint64_t lie :
         {std::uint64_t{0}, std::uint64_t{151}, published - 1, published, ~std::uint64_t{0}}) {
      Bytes bytes = good;
      store(bytes, section.offset + 8 * slot, lie);
      const std::string what = "number of slot " + std::to_string(slot) + " as " + std::to_string(lie);
      // Slot 0 has died and was taken again, so its number is free.
      check(!is_taken(bytes, path, what) || lie == 0 || slot == free, what + ": taken");
    }
  }
}

// The next row that is added takes the level of the slot.
void free_slots_have_levels_that_there_are() {
  Bytes bytes = bytes_of(make_index(Stage::Half));
  const format::Section levels = section_of(bytes, Kind::Levels);
  store(bytes, levels.offset + free_slots_of(bytes)[0], static_cast<std::uint8_t>(kMaxLevel + 1));
  seal(bytes);
  check(refused_field(bytes).starts_with("level"), "refused for " + refused_field(bytes));
}

// Rows that came after a repair has begun have no links to what it takes away: it does not look at them.
void rows_behind_a_repair_have_no_links_to_what_it_takes_away() {
  Bytes bytes = bytes_of(make_index(Stage::Half));
  const auto flags = plane_of<std::uint8_t>(bytes, Kind::Flags);
  const auto leaving = static_cast<Slot>(std::find(flags.begin(), flags.end(), kDead | kLeaving) - flags.begin());
  check(leaving < kRows - 1 && flags[kRows - 1] == 0, "one that leaves, and a live row");
  // As if the last row had come after the repair.
  store(bytes, offsetof(Header, repair_end), std::uint64_t{kRows - 1});
  const format::Section links = section_of(bytes, Kind::Links);
  store(bytes, links.offset + (kRows - 1) * links.row_bytes, leaving);
  seal(bytes);
  if (!refused_field(bytes).empty()) return;
  Index index = Index::load(bytes, {});
  index.repair(1, {});
  check(index.validate().empty(), "taken, and once it is repaired: " + index.validate());
  check(refused_field(bytes_of(index)).empty(), "and what it writes is refused for " + refused_field(bytes_of(index)));
}

// Flags of a mapped file are not compared before it is written to. Numbers, which a newborn row has, are not there.
void a_newborn_row_in_a_mapped_file_does_no_harm() {
  const std::vector<float> vectors = clustered(kRows, kWide, 5);
  Index index(IndexConfig{Space::Euclidean, Storage::Float32, kWide, 6, 20, 1, Codes::None});
  index.add(vectors.data(), kRows, nullptr, nullptr, {1, {}});
  index.mark_deleted(3);
  Bytes bytes = bytes_of(index);
  store(bytes, section_of(bytes, Kind::Flags).offset + 100, kNewborn);
  seal(bytes);
  const TemporaryPath path("remove");
  path.write(bytes);
  check_survived([&] {
    try {
      ask(Index::load(path.path, mapped()), row_of(vectors, kWide, 100), {5, kRows, 1, {}});
    } catch (const CorruptIndexFile&) {
    }
  });
}

const Group group{"remove",
                  {{"bytes depend on the calls alone", bytes_depend_on_the_calls_alone},
                   {"files go on where the index was", files_go_on_where_the_index_was},
                   {"slots that wait are free in the file", slots_that_wait_are_free_in_the_file},
                   {"a file holds what was there when it was begun", a_file_holds_what_was_there_when_it_was_begun},
                   {"headers that lie do no harm", headers_that_lie_do_no_harm},
                   {"free slots have levels that there are", free_slots_have_levels_that_there_are},
                   {"flags that lie do no harm", flags_that_lie_do_no_harm},
                   {"numbers that lie do no harm", numbers_that_lie_do_no_harm},
                   {"rows behind a repair have no links to what it takes away",
                    rows_behind_a_repair_have_no_links_to_what_it_takes_away},
                   {"a newborn row in a mapped file does no harm", a_newborn_row_in_a_mapped_file_does_no_harm}}};

}  // namespace
}  // namespace nearfield::test
