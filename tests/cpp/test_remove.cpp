// Rows that are removed: gone at once, for good, and without a trace once their slots hold others.
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "check.h"
#include "codes/pairs.h"
#include "mortal.h"
#include "nearfield/error.h"
#include "walk/hop.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 24;
constexpr std::size_t kRows = 420;
constexpr Space kSpaces[] = {Space::Euclidean, Space::InnerProduct, Space::Cosine};

IndexConfig config_of(Space space, Storage storage = Storage::Float32, Codes codes = Codes::None) {
  return {space, storage, kDimensions, 8, 40, 1, codes};
}

Index make_index(const IndexConfig& config, const std::vector<float>& vectors) {
  Index index(config);
  index.add(vectors.data(), vectors.size() / config.dimensions, nullptr, nullptr, {1, {}});
  return index;
}

// The ids [0, end) that a hash chooses, one in `share`.
std::vector<Id> some_ids(std::size_t end, std::uint64_t share, std::uint64_t seed) {
  std::vector<Id> ids;
  for (Id id = 0; id < end; ++id) {
    if (mix64(id + seed) % share == 0) ids.push_back(id);
  }
  return ids;
}

bool is_among(const std::vector<Id>& ids, Id id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

// Whether the row is among the ten nearest to a vector: by a walk, then by a scan.
bool is_found(const Index& index, Id id, const std::vector<float>& vector) {
  const bool walked = is_among(ask(index, vector, {10, 60, 1, {}}).ids, id);
  const bool scanned = is_among(ask(index, vector, {10, index.counts().slots, 1, {}}).ids, id);
  check_equal(walked, scanned, "found by a walk, and by a scan: id " + std::to_string(id));
  return walked && scanned;
}

template <class E, class Call>
void check_names(Id id, const Call& call, const Where& where = Where::current()) {
  try {
    call();
    check(false, "nothing was thrown", where);
  } catch (const E& error) {
    check_equal(error.id, id, "the id that the error names", where);
  }
}

void check_gone(const Index& index, Id id, const std::vector<float>& vector, const Where& where = Where::current()) {
  const std::string what = "id " + std::to_string(id);
  float held[kDimensions];
  check(!index.contains(id) && !index.holds(id), what + " is there", where);
  check(!is_among(index.ids(true), id), what + " is listed", where);
  check(!is_found(index, id, vector), what + " is found", where);
  check_names<UnknownId>(id, [&] { index.get_vectors(&id, 1, held); }, where);
}

// --- what callers see ----------------------------------------------------------------------------

void a_removed_row_is_gone() {
  const std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
  for (const Space space : kSpaces) {
    Index index = make_index(config_of(space), vectors);
    const Id gone[] = {3, 5, 5, 7};
    check(is_found(index, 5, row_of(vectors, kDimensions, 5)), "before");
    check_equal(index.remove(gone, 4, true), std::size_t{3}, "an id that is named twice counts once");
    for (const Id id : {3u, 5u, 7u}) check_gone(index, id, row_of(vectors, kDimensions, id));
    check(is_found(index, 4, row_of(vectors, kDimensions, 4)), "its neighbour is there");
    check_equal(index.counts().live, kRows - 3, "live rows");
    check_equal(index.counts().removed, std::size_t{3}, "removed rows");
    check_names<UnknownId>(5, [&] { index.remove(gone + 1, 1, true); });
    check_equal(index.remove(gone, 4, false), std::size_t{0}, "once more");
    // The id is free: for a row of its own, also where no id may be there already.
    index.add(vectors.data(), 1, gone + 1, nullptr, {1, {}, OnConflict::Error});
    check(is_found(index, 5, row_of(vectors, kDimensions, 0)), "added again");
    Id automatic = 0;
    index.add(vectors.data(), 1, nullptr, &automatic, {1, {}});
    check_equal(automatic, Id{kRows}, "no automatic id comes twice");
    check(index.validate().empty(), index.validate());
  }
}

void one_missing_id_removes_nothing() {
  const std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
  Index index = make_index(config_of(Space::Euclidean), vectors);
  const std::vector<std::byte> before = bytes_of(index);
  const Id ids[] = {10, 1'000'000, 11};
  check_names<UnknownId>(1'000'000, [&] { index.remove(ids, 3, true); });
  check(bytes_of(index) == before, "nothing has changed");
  check_equal(index.remove(ids, 3, false), std::size_t{2}, "those that are there");
  check_gone(index, 10, row_of(vectors, kDimensions, 10));
  check_gone(index, 11, row_of(vectors, kDimensions, 11));
  check_equal(index.remove(ids, 0, true), std::size_t{0}, "none");
  Index empty(config_of(Space::Euclidean));
  check_equal(empty.remove(ids, 3, false), std::size_t{0}, "of an index that never had any");
}

void marked_rows_can_be_removed_and_not_brought_back() {
  const std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
  Index index = make_index(config_of(Space::Cosine), vectors);
  const Id id = 20;
  index.mark_deleted(id);
  check(index.holds(id) && index.counts().marked == 1, "marked");
  check_equal(index.remove(&id, 1, true), std::size_t{1}, "a marked row is there");
  check_gone(index, id, row_of(vectors, kDimensions, id));
  check_equal(index.counts().marked, std::size_t{0}, "marked rows");
  check_names<UnknownId>(id, [&] { index.unmark_deleted(id); });
  check_names<UnknownId>(id, [&] { index.mark_deleted(id); });
  index.repair(1, {});
  index.add(vectors.data() + id * kDimensions, 1, &id, nullptr, {1, {}});  // into the slot that was marked
  check(index.contains(id) && is_found(index, id, row_of(vectors, kDimensions, id)), "added again");
  check_equal(index.counts().slots, kRows, "slots");
}

// As long as all slots are new ones this is the order of slots; a free one is taken by a younger row than follow it.
// In cosine space the copies have other lengths, and distances that rounding takes below 0.
void ties_come_in_the_order_of_insertion_whatever_slots_rows_have() {
  constexpr std::size_t kCopies = 8;
  const std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
  for (const Space space : kSpaces) {
    Index index = make_index(config_of(space), vectors);
    const Id early[] = {2, 5, 9, 14};
    index.remove(early, 4, true);
    index.repair(1, {});
    std::vector<Id> expected{300};
    for (std::size_t copy = 0; copy < kCopies; ++copy) {  // four at free slots, then behind all others
      std::vector<float> vector = row_of(vectors, kDimensions, 300);
      for (float& x : vector) x *= space == Space::Cosine ? 1.0f + 0.37f * static_cast<float>(copy) : 1.0f;
      index.add(vector.data(), 1, nullptr, nullptr, {1, {}});
      expected.push_back(kRows + copy);
    }
    for (const std::size_t ef : {std::size_t{60}, 2 * kRows}) {
      const Answers found = ask(index, row_of(vectors, kDimensions, 300), {expected.size(), ef, 1, {}});
      check(found.ids == expected,
            "the elder of equal rows comes first, space " + std::to_string(static_cast<int>(space)));
    }
  }
}

// --- slots ---------------------------------------------------------------------------------------

// Every live row, whose id is that of its vector, by a walk that sees a part of the index.
void check_all_walked_to(const Index& index, const std::vector<float>& vectors, const std::vector<Id>& ids,
                         const std::string& what) {
  const std::size_t slots = index.counts().slots;
  std::vector<float> queries;
  for (const Id id : ids) {
    queries.insert(queries.end(), vectors.begin() + static_cast<std::ptrdiff_t>(id * kDimensions),
                   vectors.begin() + static_cast<std::ptrdiff_t>((id + 1) * kDimensions));
  }
  const Answers found = ask(index, queries, {1, most_walked(index), 1, {}});
  check(found.counters.hops >= ids.size() && found.counters.distances < slots * ids.size(), what + ": by walks");
  std::size_t missed = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) missed += found.ids[i] != ids[i];
  check_equal(missed, std::size_t{0}, what + ": rows that are not found by themselves");
}

void repaired_slots_are_taken_again() {
  constexpr std::size_t kNew = 60;
  const std::vector<float> vectors = unit_rows(kRows + kNew, kDimensions, 3);
  const std::vector<float> old(vectors.begin(), vectors.begin() + kRows * kDimensions);
  const std::vector<Id> gone = some_ids(kRows, 4, 0);
  std::vector<Id> live;
  for (Id id = 0; id < kRows; ++id) {
    if (!is_among(gone, id)) live.push_back(id);
  }
  for (const Pair& pair : legal_pairs()) {
    for (const Space space : kSpaces) {
      const IndexConfig config = config_of(space, pair.storage, pair.codes);
      if (!is_legal(config)) continue;
      const std::string what =
          "storage " + std::to_string(static_cast<int>(pair.storage)) + ", " + name_of({space, pair.codes});
      Index index = make_index(config, old);
      check_equal(index.remove(gone.data(), gone.size(), true), gone.size(), "removed");
      index.repair(1, {});
      const IndexStats stats = index.stats();
      check(stats.unrepaired == 0 && stats.slots_to_repair == 0 && stats.unreachable == 0, what + ": repaired");
      check(stats.rows.removed == 0 && stats.rows.free == gone.size(), what + ": all of them are free");
      check(index.validate().empty(), what + ": " + index.validate());
      check_all_walked_to(index, vectors, live, what + ", repaired");
      const std::vector<Slot> free = free_slots_of(bytes_of(index));
      index.add(vectors.data() + kRows * kDimensions, kNew, nullptr, nullptr, {1, {}});
      check_equal(index.counts().slots, kRows, what + ": slots");
      const std::vector<std::byte> file = bytes_of(index);
      const std::vector<Id> ids = plane_of<Id>(file, format::Kind::Ids);
      for (std::size_t i = 0; i < kNew; ++i) {
        check_equal(ids[free[i]], kRows + i, what + ": the id at the lowest free slot but " + std::to_string(i));
      }
      check(free_slots_of(file) == std::vector<Slot>(free.begin() + kNew, free.end()), what + ": the others are free");
      check(index.validate().empty(), what + ": " + index.validate());
      std::vector<Id> all = live;
      for (Id id = kRows; id < kRows + kNew; ++id) all.push_back(id);
      check_all_walked_to(index, vectors, all, what + ", taken again");
      check(index.ids(false) == all, what + ": ids in order of insertion");
    }
  }
}

// --- all of it -----------------------------------------------------------------------------------

void everything_can_be_removed_and_added_again() {
  const std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
  std::vector<Id> all(kRows);
  for (Id id = 0; id < kRows; ++id) all[id] = id;
  for (const Codes codes : {Codes::None, Codes::Int8}) {
    for (const bool at_once : {true, false}) {
      Index index = make_index(config_of(Space::Euclidean, Storage::Float32, codes), vectors);
      if (at_once) index.remove(all.data(), kRows, true);
      for (Id id = 0; id < kRows && !at_once; ++id) index.remove(&id, 1, true);  // in the midst of repairs
      const std::string what = at_once ? "at once" : "one by one";
      check_equal(index.counts().live, std::size_t{0}, what + ": live rows");
      for (const bool repaired : {false, true}) {
        if (repaired) index.repair(1, {});
        if (repaired) check_equal(index.counts().free, kRows, what + ": free slots");
        if (repaired) check_equal(header_of(bytes_of(index)).entry_slot, kNoSlot, what + ": entry point");
        for (const bool loaded : {false, true}) {
          Index again = Index::load(bytes_of(index), {});
          Index& emptied = loaded ? again : index;
          for (const std::size_t ef : {std::size_t{50}, kRows}) {
            const Answers none = ask(emptied, row_of(vectors, kDimensions, 1), {3, ef, 1, {}});
            check(none.counts[0] == 0 && none.ids == std::vector<Id>(3, kNoId), what + ": results of an empty index");
          }
          check(emptied.ids(true).empty() && emptied.validate().empty(), what + ": " + emptied.validate());
          if (!loaded && !repaired) continue;  // the other files are made of this one
          emptied.add(vectors.data(), kRows, all.data(), nullptr, {1, {}});
          emptied.repair(1, {});
          check(emptied.counts().live == kRows && (!repaired || emptied.counts().slots == kRows), what + ": filled");
          check(emptied.validate().empty(), what + ": " + emptied.validate());
          check_all_walked_to(emptied, vectors, all, what + ", filled again");
          if (!loaded) emptied.remove(all.data(), kRows, true);
        }
      }
    }
  }
}

// A repair that is asked for is for all rows that are dead by then, also for those that have died since another began.
void a_repair_is_for_all_that_are_dead_when_it_is_called() {
  Index index = make_index(config_of(Space::Euclidean), clustered(4000, kDimensions, 3));
  Id id = 0;
  for (; index.stats().slots_to_repair == 0; ++id) index.remove(&id, 1, true);
  for (const Id end = id + 10; id < end; ++id) index.remove(&id, 1, true);
  check(index.stats().slots_to_repair > 0, "a repair is under way");
  index.repair(1, {});
  check_equal(index.counts().free, std::size_t{id}, "free slots");
}

// Rows that a call overwrites may be near to the new ones, which do not link to them: their slots are soon others'.
void new_rows_do_not_link_to_those_that_they_replace() {
  constexpr std::size_t kAll = 1024, kPart = 50;  // one round, too small for a repair
  const std::vector<float> vectors = clustered(kAll, kDimensions, 3);
  Index index = make_index(config_of(Space::Euclidean), vectors);
  std::vector<Id> ids(kPart);
  std::iota(ids.begin(), ids.end(), Id{0});
  index.add(vectors.data(), kPart, ids.data(), nullptr, {1, {}});  // the same again
  const std::vector<std::byte> bytes = bytes_of(index);
  const auto flags = plane_of<std::uint8_t>(bytes, format::Kind::Flags);
  const auto links = plane_of<Slot>(bytes, format::Kind::Links);
  const std::size_t places = links.size() / flags.size();
  std::size_t to_dead = 0, to_live = 0;
  for (std::size_t i = kAll * places; i < links.size(); ++i) {
    if (links[i] != kNoSlot) ++((flags[links[i]] & kDead) != 0 ? to_dead : to_live);
  }
  check(to_live > kPart && to_dead == 0, "links of new rows to dead ones: " + std::to_string(to_dead));
}

// Order of insertion outlives slots: those of rows that went were taken by later ones, and all of them change.
void compaction_keeps_the_order_of_insertion() {
  Index index = make_index(config_of(Space::Euclidean), clustered(600, kDimensions, 3));
  const std::vector<Id> gone = some_ids(600, 4, 1);
  index.remove(gone.data(), gone.size(), true);
  const std::vector<float> more = clustered(200, kDimensions, 9);
  index.add(more.data(), 200, nullptr, nullptr, {1, {}});
  const std::vector<Id> before = index.ids(true);
  check(!std::is_sorted(before.begin(), before.end()) || before.back() >= 600, "rows in free slots");
  index.compact(1, {});
  check(index.ids(true) == before, "ids in another order");
}

// --- what it costs -------------------------------------------------------------------------------

// All rows are replaced five times, a fifth at a time: removed and added, or overwritten.
void a_churned_index_is_as_good_as_a_fresh_one() {
  constexpr std::size_t kAll = 2000, kPart = kAll / 5, kQueries = 200;
  const std::vector<float> queries = clustered(kQueries, kDimensions, 99);
  for (const Codes codes : {Codes::None, Codes::Int8}) {
    for (const bool overwrites : {false, true}) {
      const std::vector<float> vectors = clustered(6 * kAll, kDimensions, 4);
      Index index = make_index(config_of(Space::Euclidean, Storage::Float32, codes),
                               {vectors.begin(), vectors.begin() + kAll * kDimensions});
      for (std::size_t first = kAll; first < 6 * kAll; first += kPart) {
        std::vector<Id> out(kPart), in(kPart);
        std::iota(out.begin(), out.end(), overwrites ? first % kAll : first - kAll);
        std::iota(in.begin(), in.end(), overwrites ? first % kAll : first);
        if (!overwrites) index.remove(out.data(), kPart, true);
        index.add(vectors.data() + first * kDimensions, kPart, in.data(), nullptr, {1, {}});
      }
      index.repair(1, {});
      const std::vector<float> last(vectors.end() - kAll * kDimensions, vectors.end());
      const Index fresh = make_index(index.config(), last);
      const QueryOptions options{10, 40, 1, {}};
      const double found = recall(index, index.counts().slots, queries, options);
      const double expected = recall(fresh, kAll, queries, options);
      const auto cost = static_cast<double>(ask(index, queries, options).counters.distances);
      const auto usual = static_cast<double>(ask(fresh, queries, options).counters.distances);
      const std::string what = std::string(overwrites ? "overwritten" : "removed") + ", " +
                               name_of({Space::Euclidean, codes}) + ": recall " + std::to_string(found) + " of " +
                               std::to_string(expected) + ", distances " + std::to_string(cost / usual);
      check(found >= expected - .02 && cost <= 1.15 * usual, what);
      check(index.counts().slots < kAll * 3 / 2, what + ", slots " + std::to_string(index.counts().slots));
    }
  }
}

// Most rows go in one call: the links of those that are left led to others that have gone as well.
void what_many_removals_leave_is_as_good_as_fresh() {
  constexpr std::size_t kAll = 4000, kQueries = 300;
  const std::vector<float> vectors = scattered(kAll, kDimensions, 5), queries = scattered(kQueries, kDimensions, 6);
  for (const Space space : kSpaces) {
    for (const std::size_t share : {std::size_t{2}, std::size_t{8}}) {  // one of so many stays
      Index index = make_index(config_of(space), vectors);
      std::vector<Id> gone;
      std::vector<float> left;
      for (std::size_t i = 0; i < kAll; ++i) {
        const auto row = vectors.begin() + static_cast<std::ptrdiff_t>(i * kDimensions);
        if (i % share == 0) {
          left.insert(left.end(), row, row + kDimensions);
        } else {
          gone.push_back(i);
        }
      }
      index.remove(gone.data(), gone.size(), true);
      index.repair(1, {});
      const QueryOptions options{10, 20, 1, {}};
      const double found = recall(index, kAll, queries, options);
      const double expected = recall(make_index(config_of(space), left), kAll / share, queries, options);
      check(found >= expected - .02, std::string(name_of({space, Codes::None})) + ", one of " + std::to_string(share) +
                                         " left: recall " + std::to_string(found) + " of " + std::to_string(expected));
    }
  }
}

// From a quarter of the rows on all are compared, however many slots there are besides: links hardly lead anywhere
// here.
void what_is_exact_does_not_depend_on_rows_that_are_gone() {
  constexpr std::size_t kAll = 2000, kLeft = 400;
  const std::vector<float> vectors = scattered(kAll, kDimensions, 7), queries = scattered(100, kDimensions, 8);
  Index index({Space::Euclidean, Storage::Float32, kDimensions, 2, 2, 1, Codes::None});
  index.add(vectors.data(), kAll, nullptr, nullptr, {1, {}});
  std::vector<Id> gone(kAll - kLeft);
  std::iota(gone.begin(), gone.end(), Id{0});
  index.remove(gone.data(), gone.size(), true);
  const Answers exact = ask(index, queries, {10, kAll, 1, {}});
  check(ask(index, queries, {10, kLeft / 4, 1, {}}).ids == exact.ids, "with a quarter of the rows that are left");
  check(ask(index, queries, {10, kLeft / 4 - 1, 1, {}}).ids != exact.ids, "a walk misses some");
}

// Of a fresh index with as few links every row is found.
void rows_stay_in_reach_of_walks() {
  constexpr Id kIds = 800;
  std::size_t missed = 0, asked = 0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Index index({Space::Euclidean, Storage::Float32, kDimensions, 4, 16, 1, Codes::None});
    std::map<Id, std::uint64_t> streams;  // which a row was drawn from
    const auto vector_of = [&](Id id) { return scattered(1, kDimensions, streams[id]); };
    for (std::uint64_t turn = 0; turn < 400; ++turn) {
      std::set<Id> ids;
      for (std::uint64_t i = 0; i < 20; ++i) ids.insert(mix64(100 * turn + i + 1'000'003 * seed) % kIds);
      const std::vector<Id> list(ids.begin(), ids.end());
      if (mix64(turn + 977 * seed) % 8 < 5) {
        std::vector<float> vectors;
        for (const Id id : list) {
          streams[id] = mix64(id) + turn;
          const std::vector<float> vector = vector_of(id);
          vectors.insert(vectors.end(), vector.begin(), vector.end());
        }
        index.add(vectors.data(), list.size(), list.data(), nullptr, {1, {}});
      } else {
        index.remove(list.data(), list.size(), false);
      }
    }
    index.repair(1, {});
    const std::vector<Id> live = index.ids(false);
    const std::size_t ef = most_walked(index);
    asked += live.size();
    for (const Id id : live) missed += ask(index, vector_of(id), {1, ef, 1, {}}).ids[0] != id;
  }
  check(missed * 500 <= asked, std::to_string(missed) + " rows of " + std::to_string(asked) + " are missed");
}

const Group group{
    "remove",
    {
        {"a removed row is gone", a_removed_row_is_gone},
        {"one missing id removes nothing", one_missing_id_removes_nothing},
        {"marked rows can be removed and not brought back", marked_rows_can_be_removed_and_not_brought_back},
        {"ties come in the order of insertion whatever slots rows have",
         ties_come_in_the_order_of_insertion_whatever_slots_rows_have},
        {"repaired slots are taken again", repaired_slots_are_taken_again},
        {"everything can be removed and added again", everything_can_be_removed_and_added_again},
        {"a repair is for all that are dead when it is called", a_repair_is_for_all_that_are_dead_when_it_is_called},
        {"new rows do not link to those that they replace", new_rows_do_not_link_to_those_that_they_replace},
        {"compaction keeps the order of insertion", compaction_keeps_the_order_of_insertion},
        {"a churned index is as good as a fresh one", a_churned_index_is_as_good_as_a_fresh_one},
        {"what many removals leave is as good as fresh", what_many_removals_leave_is_as_good_as_fresh},
        {"what is exact does not depend on rows that are gone", what_is_exact_does_not_depend_on_rows_that_are_gone},
        {"rows stay in reach of walks", rows_stay_in_reach_of_walks},
    }};

}  // namespace
}  // namespace nearfield::test
