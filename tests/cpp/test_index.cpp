// The index as a whole: everything at once under the thread sanitizer, equal bytes on every level and
// thread count, no allocation in a query.
#include <atomic>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "allocations.h"
#include "check.h"
#include "fixtures.h"
#include "nearfield/error.h"

namespace nearfield::test {
namespace {

constexpr Space kSpaces[] = {Space::Euclidean, Space::InnerProduct, Space::Cosine};
constexpr std::uint32_t kDimensions = 24;

IndexConfig small(Space space, Storage storage = Storage::Float32) { return {space, storage, kDimensions, 8, 40, 1}; }

void add_query_mark_and_save_run_together() {
  constexpr std::size_t kRows = 3000;
  const std::vector<float> vectors = clustered(kRows, kDimensions, 3);
  for (const Space space : kSpaces) {
    Index index(small(space));
    const AddOptions two{2, {}};
    index.add(vectors.data(), 500, nullptr, nullptr, two);
    std::atomic<bool> adding{true};
    std::vector<std::thread> threads;
    for (int reader = 0; reader < 2; ++reader) {
      threads.emplace_back([&] {
        for (std::uint64_t turn = 0; adding; ++turn) {
          const std::size_t row = 100 + mix64(turn) % 400;
          const std::vector<float> query(vectors.begin() + static_cast<std::ptrdiff_t>(row * kDimensions),
                                         vectors.begin() + static_cast<std::ptrdiff_t>((row + 1) * kDimensions));
          const Answers answers = ask(index, query, {10, 40, 1, {}});
          check_equal(answers.counts[0], 10u, "results");
          const std::set<Id> distinct(answers.ids.begin(), answers.ids.end());
          check_equal(distinct.size(), std::size_t{10}, "distinct results");
          const Id id = row;
          float vector[kDimensions];
          index.get_vectors(&id, 1, vector);
          check(index.contains(id), "an id that is only overwritten is always there");
        }
      });
    }
    threads.emplace_back([&] {
      for (Id id = 0; id < 100; ++id) {
        index.mark_deleted(id);
        check(!index.contains(id), "marked");
        if (id % 10 == 0) check(index.stats().rows.marked > 0, "counted beside marks");
        if (id % 2 == 0) index.unmark_deleted(id);
      }
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 3; ++i) {
        const std::vector<std::byte> bytes = bytes_of(index);
        check(Index::load(bytes, {}).validate().empty(), "a file written meanwhile is whole");
      }
    });
    std::vector<Id> again(400);
    for (std::size_t i = 0; i < again.size(); ++i) again[i] = 100 + i;
    for (std::size_t first = 500; first < kRows; first += 500) {
      index.add(vectors.data() + first * kDimensions, 500, nullptr, nullptr, two);
      index.add(vectors.data() + 100 * kDimensions, again.size(), again.data(), nullptr, two);
    }
    adding = false;
    for (std::thread& thread : threads) thread.join();
    check_equal(index.counts().live, kRows - 50, "live rows");
    check_equal(index.counts().marked, std::size_t{50}, "marked rows");
    // By inner products one link leads to a row at least, and it may come from one that is cut off with it until the
    // next sweep: whether one comes after the last row depends on when slots became free.
    if (space == Space::InnerProduct) index.repair(2, {});
    check_equal(index.stats().unreachable, std::size_t{0}, "unreachable rows");
    check(index.validate().empty(), index.validate());
  }
}

// While rows are overwritten one by one, a query that returns all ids finds each of them once: the old version
// or the new one, never both and never neither. By scan, where nothing can be missed, and by walk.
void every_query_sees_one_version_of_a_row() {
  constexpr std::size_t kRows = 1000;
  const std::vector<float> vectors = clustered(kRows, kDimensions, 8);
  Index index(small(Space::Euclidean));
  index.add(vectors.data(), kRows, nullptr, nullptr, {});
  index.mark_deleted(0);
  std::atomic<bool> adding{true};
  std::thread reader([&] {
    const std::vector<float> query(vectors.begin(), vectors.begin() + kDimensions);
    while (adding) {
      for (const QueryOptions& options : {QueryOptions{kRows - 1, kRows - 1, 1, {}}, QueryOptions{50, 100, 1, {}}}) {
        const Answers answers = ask(index, query, options);
        check_equal(std::size_t{answers.counts[0]}, options.k, "results");
        const std::set<Id> distinct(answers.ids.begin(), answers.ids.end());
        check_equal(distinct.size(), options.k, "distinct results");
        check(distinct.count(0) == 0, "a marked row is not found");
      }
    }
  });
  for (Id id = 1; id < kRows; ++id) index.add(vectors.data() + id * kDimensions, 1, &id, nullptr, {1, {}});
  adding = false;
  reader.join();
  const Id back = 0;  // overwriting brings a marked row back
  index.add(vectors.data(), 1, &back, nullptr, {1, {}});
  check_equal(index.counts().live, kRows, "live rows");
  check_equal(index.counts().marked, std::size_t{0}, "marked rows");
  const std::size_t slots = index.counts().slots;
  for (Id id = 0; id < kRows; ++id) index.add(vectors.data() + id * kDimensions, 1, &id, nullptr, {1, {}});
  check(index.counts().slots < slots + kRows / 4, "slots are used again, now that nobody reads");
  const Answers answers = ask(Index::load(bytes_of(index), {}), vectors, {1, 50, 0, {}});
  for (std::size_t row = 0; row < kRows; ++row) check_equal(answers.ids[row], Id{row}, "a row found by itself");
}

void bytes_are_equal_on_every_level_and_thread_count() {
  const std::vector<float> vectors = clustered(1100, kDimensions, 4);  // three rounds
  for (const Storage storage : {Storage::Float32, Storage::Float8, Storage::E4M3, Storage::Float16}) {
    for (const Space space : kSpaces) {
      std::vector<std::byte> expected;
      for_each_level([&](const std::string& name) {
        for (const std::size_t threads : {1u, 3u}) {
          Index index(small(space, storage));
          index.add(vectors.data(), 1100, nullptr, nullptr, {threads, {}});
          const std::vector<std::byte> bytes = bytes_of(index);
          if (expected.empty()) expected = bytes;
          check(bytes == expected, name + " with " + std::to_string(threads) + " threads");
        }
      });
    }
  }
}

void a_query_allocates_nothing() {
  const std::vector<float> vectors = clustered(2000, kDimensions, 5);
  for (const Space space : kSpaces) {
    Index index(small(space));
    index.add(vectors.data(), 2000, nullptr, nullptr, {});
    for (const bool some_hidden : {false, true}) {
      if (some_hidden) index.mark_deleted(17);
      Id ids[10];
      float distances[10];
      std::uint32_t count = 0;
      const QueryOptions options{10, 50, 1, {}};
      index.query(vectors.data(), 1, options, ids, distances, &count);  // the scratch grows once
      const std::uint64_t before = allocations();
      for (std::size_t row = 0; row < 100; ++row) {
        index.query(vectors.data() + row * kDimensions, 1, options, ids, distances, &count);
      }
      const std::uint64_t after = allocations();  // before the words of the check are made
      check_equal(after - before, std::uint64_t{0}, "allocations in 100 queries");
    }
  }
}

void a_stopped_add_keeps_its_finished_rounds() {
  const std::vector<float> vectors = clustered(3000, kDimensions, 6);
  Index index(small(Space::Euclidean));
  struct Stop {};
  AddOptions options{2, [](std::size_t done, std::size_t) {
                       if (done > 1200) throw Stop{};
                     }};
  bool stopped = false;
  try {
    index.add(vectors.data(), 3000, nullptr, nullptr, options);
  } catch (const Stop&) {
    stopped = true;
  }
  check(stopped, "the exception of poll comes home");
  const std::size_t kept = index.counts().live;
  check(kept >= 512 && kept < 3000 && kept % 512 == 0, "whole rounds are kept: " + std::to_string(kept));
  check(index.validate().empty(), index.validate());
  index.add(vectors.data() + kept * kDimensions, 3000 - kept, nullptr, nullptr, {});
  Index whole(small(Space::Euclidean));
  whole.add(vectors.data(), 3000, nullptr, nullptr, {});
  check(ask(index, vectors, {5, 40, 0, {}}).ids == ask(whole, vectors, {5, 40, 0, {}}).ids,
        "going on gives what one call gives");
}

// Wherever the memory ends during an add, the index stays whole: it holds what it held, or the batch besides, and
// can be saved and loaded. The ids are such that the table of ids grows, and half of them overwrite.
void an_add_without_memory_leaves_the_index_whole() {
  constexpr std::size_t kOld = 300, kNew = 60;
  const std::vector<float> vectors = clustered(kOld + kNew, kDimensions, 9);
  std::vector<Id> old_ids(kOld), new_ids(kNew);
  for (std::size_t i = 0; i < kOld; ++i) old_ids[i] = 1000 + i;
  for (std::size_t i = 0; i < kNew; ++i) new_ids[i] = i % 2 == 0 ? 1000 + i : 100'000 + i;
  Index whole(small(Space::Euclidean));
  whole.add(vectors.data(), kOld, old_ids.data(), nullptr, {1, {}});
  const std::vector<std::byte> before = bytes_of(whole);
  std::size_t failures = 0;
  for (std::uint64_t n = 1; n < 100'000; n += 1 + n / 30) {
    Index index = Index::load(before, {});
    const bool failed = runs_out_of_memory(
        n, [&] { index.add(vectors.data() + kOld * kDimensions, kNew, new_ids.data(), nullptr, {1, {}}); });
    const std::size_t live = index.counts().live;  // the round may have been finished when the sweep failed
    check(live == kOld + kNew / 2 || (failed && live == kOld), "live rows: " + std::to_string(live));
    check(index.validate().empty(), index.validate());
    for (const Id id : old_ids) check(index.contains(id), "an old id is still there");
    check_equal(Index::load(bytes_of(index), {}).counts().live, index.counts().live, "live rows of the file");
    if (!failed) break;
    ++failures;
    index.add(vectors.data() + kOld * kDimensions, kNew, new_ids.data(), nullptr, {1, {}});
    check(index.validate().empty(), "after the next add: " + index.validate());
    check_equal(Index::load(bytes_of(index), {}).counts().live, kOld + kNew / 2, "live rows after the next add");
  }
  check(failures > 20, "allocations that failed: " + std::to_string(failures));
}

void a_bad_row_changes_nothing() {
  std::vector<float> vectors = clustered(1000, kDimensions, 7);
  vectors[700 * kDimensions + 3] = std::numeric_limits<float>::quiet_NaN();
  Index index(small(Space::Cosine));
  check_throws<NotFinite>([&] { index.add(vectors.data(), 1000, nullptr, nullptr, {}); }, "row 700, column 3");
  check_equal(index.counts().slots, std::size_t{0}, "slots");
}

// Equal directions of unequal lengths: their cosines are 1 but for rounding, to either side.
void ties_come_in_the_order_of_insertion() {
  constexpr std::size_t kRows = 300;
  std::size_t ties = 0;
  for (const Storage storage : {Storage::Float32, Storage::Float16}) {
    const std::vector<float> directions = scattered(6, kDimensions, 5);
    std::vector<float> vectors(kRows * kDimensions);
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      const std::size_t row = i / kDimensions;
      vectors[i] = directions[row % 6 * kDimensions + i % kDimensions] * (1.0f + 0.37f * static_cast<float>(row));
    }
    Index index(small(Space::Cosine, storage));
    index.add(vectors.data(), kRows, nullptr, nullptr, {});
    for (const std::size_t ef : {std::size_t{60}, kRows}) {  // by walking, and by scanning
      const Answers found = ask(index, directions, {50, ef, 1, {}});
      for (std::size_t i = 1; i < found.ids.size(); ++i) {
        if (i % 50 == 0 || found.distances[i] != found.distances[i - 1]) continue;
        check(found.ids[i] > found.ids[i - 1], "rows at the same distance");
        ++ties;
      }
    }
  }
  check(ties > 500, "ties: " + std::to_string(ties));
}

const Group group{"index",
                  {{"add, query, mark and save run together", add_query_mark_and_save_run_together},
                   {"every query sees one version of a row", every_query_sees_one_version_of_a_row},
                   {"bytes are equal on every level and thread count", bytes_are_equal_on_every_level_and_thread_count},
                   {"a query allocates nothing", a_query_allocates_nothing},
                   {"a stopped add keeps its finished rounds", a_stopped_add_keeps_its_finished_rounds},
                   {"an add without memory leaves the index whole", an_add_without_memory_leaves_the_index_whole},
                   {"ties come in the order of insertion", ties_come_in_the_order_of_insertion},
                   {"a bad row changes nothing", a_bad_row_changes_nothing}}};

}  // namespace
}  // namespace nearfield::test
