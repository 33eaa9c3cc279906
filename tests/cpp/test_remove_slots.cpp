// What lies between a row that is removed and the next row in its slot: ids that lead nowhere, queries that are waited
// for, versions of one row, lists of long rows.
#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "check.h"
#include "mortal.h"
#include "walk/hop.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 24;

constexpr IndexConfig kConfig{Space::Euclidean, Storage::Float32, kDimensions, 8, 40, 1, Codes::None};

// --- the way back from ids to slots --------------------------------------------------------------

void a_table_of_ids_agrees_with_a_map() {
  std::vector<Id> ids;  // whose runs of cells meet, at the end of the table and at its beginning
  for (Id id = 0; ids.size() < 500; ++id) {
    const std::uint64_t cell = mix64(id) & 1023;
    if (cell > 1021 || cell < 2 || cell == 512) ids.push_back(id);
  }
  constexpr std::size_t kSlots = 800;
  Plane plane(sizeof(Id));
  plane.grow(kSlots);
  IdTable table(plane);
  std::unordered_map<Id, Slot> truth;
  std::vector<Slot> spare = slots_between(0, kSlots);
  for (std::uint64_t turn = 0; turn < 20'000; ++turn) {
    const Id id = ids[mix64(turn) % ids.size()];
    const auto known = truth.find(id);
    const Slot before = known == truth.end() ? kNoSlot : known->second;
    // Many, few, many again.
    if (mix64(turn + 1'000'000) % 8 < (turn / 4000 % 2 == 0 ? 3 : 5)) {
      check_equal(table.erase(id), before, "erased");
      if (before != kNoSlot) truth.erase(known);
    } else {
      const std::size_t place = mix64(turn + 2'000'000) % spare.size();
      const Slot slot = std::exchange(spare[place], spare.back());
      spare.pop_back();
      *plane.at<Id>(slot) = id;
      check_equal(table.put(id, slot), before, "put");
      truth[id] = slot;
    }
    if (before != kNoSlot) spare.push_back(before);  // for another id, over which the table must not stumble
    if (turn % 500 > 0) continue;
    for (const Id one : ids) {
      const auto at = truth.find(one);
      if (table.find(one) != (at == truth.end() ? kNoSlot : at->second)) return check(false, "found"), void();
    }
  }
}

void ids_that_are_slots_can_be_erased() {
  Plane plane(sizeof(Id));
  plane.grow(100);
  IdTable table(plane);
  for (Slot slot = 0; slot < 40; ++slot) {
    *plane.at<Id>(slot) = slot;
    table.put(slot, slot);
  }
  check_equal(table.erase(40), kNoSlot, "one that is not there");
  check_equal(table.bytes(), std::size_t{0}, "and nothing was built for it");
  check_equal(table.erase(17), Slot{17}, "one that is");
  check_equal(table.erase(17), kNoSlot, "once");
  for (Slot slot = 0; slot < 42; ++slot) {
    check_equal(table.find(slot), slot == 17 || slot >= 40 ? kNoSlot : slot, "the others");
  }
  *plane.at<Id>(40) = 17;
  check_equal(table.put(17, 40), kNoSlot, "put again");
  check_equal(table.find(17), Slot{40}, "found again");
}

// --- queries on their way ------------------------------------------------------------------------

void check_flags(const MortalIndex& index, Slot slot, int flags, const std::string& what,
                 const Where& where = Where::current()) {
  check_equal(int{flags_of(index.state, slot)}, flags, what, where);
}

// Slots 0 to 49 of 200 were removed and repaired; two queries are on their way: `elder` began before the end of the
// repair, `younger` after it.
void a_slot_waits_for_the_queries_that_may_see_its_row() {
  const std::vector<float> vectors = unit_rows(200, kDimensions, 3);
  MortalIndex index(kConfig);
  index.add(vectors);
  index.remove(0, 50);
  std::optional<ScratchPool::Lease> elder(index.pool.lend());
  index.repair();
  std::optional<ScratchPool::Lease> younger(index.pool.lend());
  check_flags(index, 0, kDead | kUnlinked, "the repair has ended");
  index.settle();
  check_flags(index, 0, kDead | kUnlinked, "the elder may see the row");
  index.put(1000, row_of(vectors, kDimensions, 0));
  check_equal(index.state.count.load(), std::size_t{201}, "a new slot");
  elder.reset();
  index.settle();
  check_flags(index, 0, kFree, "nobody may see the row");
  check(index.state.repair.free.empty(), "the younger may have read the flags before");
  index.put(1001, row_of(vectors, kDimensions, 1));
  check_equal(index.state.count.load(), std::size_t{202}, "another new slot");
  younger.reset();
  index.settle();
  check_equal(index.state.repair.free.size(), std::size_t{50}, "slots to be taken");
  std::optional<ScratchPool::Lease> third(index.pool.lend());
  index.put(1002, row_of(vectors, kDimensions, 2));
  check_equal(index.state.count.load(), std::size_t{202}, "no new slot");
  check_equal(*index.state.ids.at<Id>(0), Id{1002}, "the lowest one");
  check_flags(index, 0, kNewborn, "a query has begun before");
  third.reset();
  index.settle();
  check_flags(index, 0, 0, "a row like the others");
  check(validate_state(index.state).empty(), validate_state(index.state));
}

bool sees(const Reading& reading, Slot slot) {
  return slot < reading.view.count && (reading.view.hide == 0 || !is_hidden(reading.view, slot));
}

// The slots of an id that a reading sees, by looking at all and by a scan.
std::set<Slot> seen_slots(const MortalIndex& index, const Reading& reading, Id id) {
  const ScratchPool::Lease scratch = index.pool.lend();
  scratch->fit(reading.view.count, reading.view.count, 16, index.metric.padded);
  std::fill_n(scratch->query(), index.metric.padded, 0.0f);
  const WalkResult all = index.metric.walks->scan(vectors_of(reading.view, index.state), nullptr, scratch->query(), 0,
                                                  reading.view.count, reading.view.count, scratch->walk());
  std::set<Slot> seen, scanned;
  for (Slot slot = 0; slot < reading.view.count; ++slot) {
    if (*index.state.ids.at<Id>(slot) == id && sees(reading, slot)) seen.insert(slot);
  }
  for (std::size_t i = 0; i < all.size; ++i) {
    const Slot slot = entry_slot(all.entries[i]);
    if (*index.state.ids.at<Id>(slot) == id) scanned.insert(slot);
  }
  check(seen == scanned, "a scan finds what may be seen");
  return seen;
}

void a_query_sees_the_version_of_its_time() {
  using Seen = std::set<Slot>;
  const std::vector<float> vectors = unit_rows(200, kDimensions, 3);
  MortalIndex index(kConfig);
  index.add(vectors);
  index.remove(0, 50);
  index.repair();
  check_equal(index.state.repair.free.size(), std::size_t{50}, "free slots");
  const Id id = 100;
  std::optional<ScratchPool::Lease> first(index.pool.lend());
  const Reading before = read_state(index.state, index.metric);
  index.put(id, row_of(vectors, kDimensions, 150));  // at slot 0
  std::optional<ScratchPool::Lease> second(index.pool.lend());
  const Reading between = read_state(index.state, index.metric);
  index.put(id, row_of(vectors, kDimensions, 151));  // at slot 1
  const ScratchPool::Lease third = index.pool.lend();
  const Reading after = read_state(index.state, index.metric);
  for (const bool first_has_left : {false, true}) {
    if (first_has_left) {
      first.reset();
      index.settle();
      check_flags(index, 0, kDead, "of the first overwriting, which no query is older than");
      check_flags(index, 1, kNewborn, "of the second");
    } else {
      check(seen_slots(index, before, id) == Seen{100}, "before both");
    }
    check(seen_slots(index, between, id) == Seen{0}, "between them");
    check(seen_slots(index, after, id) == Seen{1}, "after both");
  }
  index.remove(id, id + 1);
  check(seen_slots(index, after, id).empty(), "once it is removed");
  index.put(id, row_of(vectors, kDimensions, 152));  // at slot 2
  check(seen_slots(index, between, id).empty() && seen_slots(index, after, id).empty(), "a later row");
  check(seen_slots(index, read_state(index.state, index.metric), id) == Seen{2}, "for a later query");
  second.reset();
  index.repair();
  check_flags(index, 1, kDead | kUnlinked, "the third query is on its way");
}

void a_marked_row_that_is_overwritten_stays_hidden() {
  const std::vector<float> vectors = unit_rows(200, kDimensions, 3);
  MortalIndex index(kConfig);
  index.add(vectors);
  mark(index.state, index.table, 100);
  const ScratchPool::Lease lease = index.pool.lend();
  const Reading before = read_state(index.state, index.metric);
  index.put(100, row_of(vectors, kDimensions, 150));
  check(seen_slots(index, before, 100).empty(), "for a query that began before");
  check(seen_slots(index, read_state(index.state, index.metric), 100) == std::set<Slot>{200}, "for a later one");
}

// What a slot was superseded by in an earlier life says nothing of the row that it holds now.
void a_removed_row_stays_gone_whatever_its_slot_was_before() {
  const std::vector<float> vectors = unit_rows(200, kDimensions, 3);
  MortalIndex index(kConfig);
  index.add(vectors);
  index.put(5, row_of(vectors, kDimensions, 150));  // slot 5 is superseded by slot 200
  index.repair();
  index.put(1000, row_of(vectors, kDimensions, 151));  // at slot 5
  check_equal(*index.state.ids.at<Id>(5), Id{1000}, "the id at slot 5");
  index.remove(5, 6);
  index.repair();
  check_flags(index, 200, kFree, "to be taken");
  index.remove(1000, 1001);
  const ScratchPool::Lease lease = index.pool.lend();
  const Reading reading = read_state(index.state, index.metric);
  index.put(1001, row_of(vectors, kDimensions, 152));  // at slot 200, for later queries
  check_flags(index, 200, kNewborn, "a row that the query does not see");
  check(seen_slots(index, reading, 1000).empty(), "which began once the row at slot 5 was removed");
}

// A query reads the count, and then how many rows were ever added. In the worst case two overwritings fall between:
// one that takes a new slot, since the free ones have to wait for a query, and one that takes a free slot. Or the row
// is removed between them.
void a_query_that_is_held_up_sees_one_version() {
  const std::vector<float> vectors = unit_rows(200, kDimensions, 3);
  for (const bool removed_between : {false, true}) {
    MortalIndex index(kConfig);
    index.add(vectors);
    index.remove(0, 50);
    std::optional<ScratchPool::Lease> elder(index.pool.lend());
    index.repair();
    std::optional<ScratchPool::Lease> other(index.pool.lend());
    elder.reset();
    index.settle();
    const ScratchPool::Lease own = index.pool.lend();
    const std::size_t count = read_state(index.state, index.metric).view.count;
    index.put(100, row_of(vectors, kDimensions, 150));
    check_equal(index.state.count.load(), std::size_t{201}, "a new slot");
    if (removed_between) index.remove(100, 101);
    other.reset();
    index.put(100, row_of(vectors, kDimensions, 151));
    check_equal(index.state.count.load(), std::size_t{201}, "a free one");
    Reading torn = read_state(index.state, index.metric);
    torn.view.count = count;
    check_equal(seen_slots(index, torn, 100).size(), std::size_t{1},
                removed_between ? "versions that are seen, one of them removed" : "versions that are seen");
  }
}

// --- long rows (codes/long_rows.h) ---------------------------------------------------------------

constexpr IndexConfig kProducts{Space::InnerProduct, Storage::Float32, kDimensions, 8, 40, 1, Codes::Int8};

std::vector<Slot> listed(const State& state) {
  const LongRows& rows = state.code_plane->long_rows;
  std::vector<Slot> slots(rows.size());
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = rows[i];
  std::sort(slots.begin(), slots.end());
  return slots;
}

constexpr std::size_t kSome = 2600, kBetween = 130;  // every so many rows a long one

std::vector<float> some_long() {
  std::vector<float> vectors = scattered(kSome, kDimensions, 5);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] *= i / kDimensions % kBetween == 7 ? 30.0f : 1.0f;
  return vectors;
}

// The ids of the long ones, each more by `offset`.
std::vector<Id> long_ids(Id offset) {
  std::vector<Id> ids;
  for (Id id = 7; id < kSome; id += kBetween) ids.push_back(id + offset);
  return ids;
}

std::vector<float> rows_at(const std::vector<float>& vectors, const std::vector<Id>& ids) {
  std::vector<float> rows;
  for (const Id id : ids) {
    const std::vector<float> row = row_of(vectors, kDimensions, id);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return rows;
}

void removed_long_rows_cost_no_place() {
  const std::vector<float> vectors = some_long();
  const std::vector<Id> ids = long_ids(0);
  const std::vector<Slot> slots(ids.begin(), ids.end());
  MortalIndex index(kProducts);
  index.add(vectors);
  check(listed(index.state) == slots, "listed");
  for (Id turn = 0; turn < 10; ++turn) {  // in all, many more than there is room for
    index.remove(long_ids(turn * kSome));
    index.repair();
    check(listed(index.state).empty(), "none is left");
    index.put(long_ids((turn + 1) * kSome), rows_at(vectors, ids));
    check(listed(index.state) == slots, "listed at the same slots, turn " + std::to_string(turn));
  }
  check_equal(index.state.count.load(), kSome, "slots");
  const std::vector<float> query = row_of(vectors, kDimensions, 137);
  check_equal(ask(index, query, {1, 10, 1, {}}).ids[0], 137 + 10 * kSome, "a long row is found");
  index.remove(long_ids(10 * kSome));
  index.repair();
  index.put(ids, rows_at(vectors, long_ids(1)));
  check(listed(index.state).empty(), "rows of common length in the slots of long ones");
}

// A file may be written while a query keeps slots from becoming free; whoever reads it has no such query.
void a_file_lists_no_long_row_that_it_does_not_hold() {
  const std::vector<float> vectors = some_long();
  const std::vector<Id> ids = long_ids(0);
  MortalIndex index(kProducts);
  index.add(vectors);
  const ScratchPool::Lease on_its_way = index.pool.lend();
  index.remove(ids);
  index.repair();
  const std::vector<std::byte> file = index.bytes();
  check_equal(free_slots_of(file).size(), ids.size(), "free in the file");
  check(refused_field(file).empty(), "it is read");
  Index loaded = Index::load(file, {});
  loaded.add(rows_at(vectors, ids).data(), ids.size(), nullptr, nullptr, {1, {}});  // into the same slots
  const std::string refused = refused_field(bytes_of(loaded));
  check(refused.empty(), "what is written then is refused for '" + refused + "'");
}

const Group group{
    "remove",
    {{"a table of ids agrees with a map", a_table_of_ids_agrees_with_a_map},
     {"ids that are slots can be erased", ids_that_are_slots_can_be_erased},
     {"a slot waits for the queries that may see its row", a_slot_waits_for_the_queries_that_may_see_its_row},
     {"a query sees the version of its time", a_query_sees_the_version_of_its_time},
     {"a marked row that is overwritten stays hidden", a_marked_row_that_is_overwritten_stays_hidden},
     {"a removed row stays gone whatever its slot was before", a_removed_row_stays_gone_whatever_its_slot_was_before},
     {"a query that is held up sees one version", a_query_that_is_held_up_sees_one_version},
     {"removed long rows cost no place", removed_long_rows_cost_no_place},
     {"a file lists no long row that it does not hold", a_file_lists_no_long_row_that_it_does_not_hold}}};

}  // namespace
}  // namespace nearfield::test
