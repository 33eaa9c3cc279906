// The parts of filtered queries, each against something plain: the frontier of a walk, sets of ids, what of a view may
// be returned, and how a plan is chosen.
#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "check.h"
#include "columns/allowed.h"
#include "columns/id_cells.h"
#include "columns/plan.h"
#include "history.h"
#include "mortal.h"
#include "walk/filter.h"
#include "walk/frontier.h"

namespace nearfield::test {
namespace {

// --- frontier ------------------------------------------------------------------------------------

// What a frontier does, said simply.
struct SlowFrontier {
  std::size_t capacity;
  std::multiset<std::uint64_t> entries{};

  void push(std::uint64_t entry) {
    if (entries.size() == capacity) {
      entries.erase(std::next(entries.begin(), static_cast<std::ptrdiff_t>(capacity / 2)), entries.end());
    }
    entries.insert(entry);
  }
};

// Pushes and pops in turn, more of the ones or of the others; keys rise, fall, or are drawn from few.
void check_frontier(std::size_t capacity, std::uint64_t seed) {
  constexpr std::uint64_t kGuard = 0xABABABABABABABABu;
  std::vector<std::uint64_t> memory(capacity + 2, kGuard);
  Frontier fast{memory.data() + 1, capacity};
  SlowFrontier slow{capacity};
  Dice dice(seed * 1000 + capacity);
  const std::size_t steps = 6 * capacity + 60;
  for (std::size_t step = 0; step < steps || !slow.entries.empty(); ++step) {
    const std::string what = "capacity " + std::to_string(capacity) + ", step " + std::to_string(step);
    if (slow.entries.empty() || (step < steps && dice.below(10) < (seed % 2 == 0 ? 8u : 5u))) {
      const std::uint64_t key = seed % 3 == 0 ? steps - step : seed % 3 == 1 ? step : dice.below(9);
      const std::uint64_t entry = make_entry(static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(step));
      fast.push(entry);
      slow.push(entry);
    } else {
      check_equal(fast.top(), *slow.entries.begin(), what + ": the nearest");
      fast.pop();
      slow.entries.erase(slow.entries.begin());
    }
    if (!check_equal(fast.size, slow.entries.size(), what + ": size")) return;
    check_equal(fast.empty(), slow.entries.empty(), what + ": empty");
    if (!slow.entries.empty()) check_equal(fast.top(), *slow.entries.begin(), what + ": top");
  }
  check(memory.front() == kGuard && memory.back() == kGuard, "a frontier stays within its memory");
}

void a_frontier_is_a_sorted_set_that_forgets_its_further_half() {
  for (std::size_t capacity = 2; capacity <= 70; ++capacity) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) check_frontier(capacity, seed);
  }
  check_frontier(8192, 2);
}

void the_smallest_are_brought_to_the_front() {
  Dice dice(3);
  for (std::size_t n = 1; n <= 120; ++n) {
    for (std::size_t wanted = 0; wanted <= n; wanted += 1 + n / 9) {
      std::vector<std::uint64_t> entries(n);
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t key = n % 3 == 0 ? i : n % 3 == 1 ? n - i : dice.below(4);
        entries[i] = make_entry(static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(i));
      }
      std::vector<std::uint64_t> sorted = entries;
      std::sort(sorted.begin(), sorted.end());
      select_smallest(entries.data(), n, wanted);
      std::sort(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(wanted));
      check(std::equal(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(wanted), sorted.begin()),
            "the " + std::to_string(wanted) + " smallest of " + std::to_string(n));
      std::sort(entries.begin(), entries.end());
      check(entries == sorted, "none is lost");
    }
  }
}

// --- sets of ids ---------------------------------------------------------------------------------

// The id whose product with the odd number of cell_of_id is `product`: so a test can say which ids meet in one cell.
std::uint64_t id_of_product(std::uint64_t product) {
  std::uint64_t inverse = 1;
  for (int i = 0; i < 6; ++i) inverse *= 2 - 0x9E3779B97F4A7C15u * inverse;  // Newton, 2^i bits right
  return inverse * product;
}

void check_cells(std::vector<std::uint64_t>& memory, const std::vector<Id>& ids, const std::vector<Id>& others,
                 const std::string& what) {
  std::set<Id> expected(ids.begin(), ids.end());
  expected.erase(kNoId);
  std::size_t distinct = 1'000'000;
  const IdCells cells = fill_cells(memory, ids, distinct);
  check_equal(distinct, expected.size(), what + ": distinct ids");
  const std::size_t num_cells = std::size_t{1} << (64 - cells.shift);
  check(num_cells > ids.size(), what + ": a cell is empty");
  check(num_cells <= 4 * ids.size() + 4, what + ": cells " + std::to_string(num_cells));
  for (const Id id : ids) check(id == kNoId || holds_id(cells, id), what + ": holds " + std::to_string(id));
  for (const Id id : others) {
    check_equal(holds_id(cells, id), expected.count(id) > 0, what + ": " + std::to_string(id));
  }
}

void cells_are_a_set_of_ids() {
  std::vector<std::uint64_t> memory;  // used again, as it was left
  Dice dice(1);
  check_cells(memory, {}, {0, 1, ~Id{0} - 1}, "no id");
  check_cells(memory, {kNoId}, {0, 1, ~Id{0} - 1}, "nobody's id");
  check_cells(memory, {7, 7, kNoId, 7}, {0, 7, 8}, "one id");
  check_cells(memory, {0, ~Id{0} - 1}, {0, 1, ~Id{0} - 1, ~Id{0} - 2}, "the ends");
  for (std::size_t n = 1; n <= 300; n += 1 + n / 20) {
    for (const std::uint64_t range : {std::uint64_t{n}, std::uint64_t{20 * n}, ~std::uint64_t{0}}) {
      std::vector<Id> ids(n), others(2 * n);
      for (Id& id : ids) id = dice.next() % range;
      for (std::size_t i = 0; i < others.size(); ++i) others[i] = i % 3 == 0 ? ids[i % n] + 1 : dice.next() % range;
      std::erase(others, kNoId);
      check_cells(memory, ids, others, std::to_string(n) + " ids below " + std::to_string(range));
    }
    // All begin at one cell, the first or the last, so that the way leads around the end.
    for (const std::uint64_t high : {std::uint64_t{0}, ~std::uint64_t{0} << 40}) {
      std::vector<Id> ids, others;
      for (std::uint64_t i = 0; i < n; ++i) ids.push_back(id_of_product(high + i));
      for (std::uint64_t i = n; i < 2 * n; ++i) others.push_back(id_of_product(high + i));
      std::erase(ids, kNoId);
      std::erase(others, kNoId);
      check_equal(cell_of_id(ids[0], 48), cell_of_id(ids.back(), 48), "the cell of ids that collide");
      check_cells(memory, ids, others, std::to_string(n) + " ids that collide");
    }
  }
}

// --- what of a view may be returned --------------------------------------------------------------

constexpr std::size_t kWide = 6;

// Rows that are there, marked, removed, replaced, in free slots and in slots that were free; and which are live.
struct Mixed {
  explicit Mixed(std::size_t rows) : index({Space::Euclidean, Storage::Float32, kWide, 4, 16, 1, Codes::None}) {
    const auto put = [&](Id first, Id last, std::uint64_t seed) {
      index.put(ids_between(first, last), scattered(last - first, kWide, seed));
      for (Id id = first; id < last; ++id) live.insert(id);
    };
    put(0, rows, 3);
    if (rows < 20) return;
    index.remove(0, rows / 5);
    for (Id id = 0; id < rows / 5; ++id) live.erase(id);
    index.repair();
    index.settle();  // their slots are free,
    index.settle();
    reader = index.pool.lend();
    put(rows, rows + rows / 10, 4);  // half of them are taken: newborn, for the reader
    index.remove(rows / 2, rows / 2 + rows / 10);
    for (Id id = rows / 2; id < rows / 2 + rows / 10; ++id) live.erase(id);
    for (Id id = rows - 1; id > rows - rows / 8; id -= 2) {
      mark(index.state, index.table, id);
      live.erase(id);
    }
    put(rows / 4, rows / 3, 5);  // and these have two slots
  }
  MortalIndex index;
  ScratchPool::Lease reader;
  std::set<Id> live;
};

std::set<Id> ids_in(const Mixed& mixed, const Allowed& allowed, std::size_t count, const std::string& what) {
  std::set<Id> ids;
  std::size_t bits = 0;
  for (std::size_t slot = 0; slot < 64 * allowed.bits.size(); ++slot) {
    if ((allowed.bits[slot / 64] >> slot % 64 & 1) == 0) continue;
    ++bits;
    if (!check(slot < count, what + ": a bit behind the last slot")) continue;
    check(ids.insert(*mixed.index.state.ids.at<Id>(slot)).second, what + ": two slots of one id");
  }
  check_equal(allowed.count, bits, what + ": bits, as counted");
  return ids;
}

std::vector<Id> some_ids(Dice& dice, std::size_t rows, std::size_t n) {
  std::vector<Id> ids(n);
  for (Id& id : ids) {
    id = dice.below(12) == 0 ? (dice.below(2) == 0 ? kNoId : dice.next()) : dice.below(rows + rows / 5 + 1);
  }
  if (n > 3) ids[n / 2] = ids[0];
  return ids;
}

void bits_are_what_is_left_of_the_ids() {
  Dice dice(2);
  for (const std::size_t rows : {1u, 2u, 62u, 63u, 64u, 65u, 128u, 300u}) {
    const Mixed mixed(rows);
    const Reading reading = read_state(mixed.index.state, mixed.index.metric);
    const std::size_t count = reading.view.count;
    const std::string what = std::to_string(rows) + " rows";
    check(rows < 20 || (reading.view.hide != 0 && mixed.index.state.census.newborn > 0), what + ": of all kinds");
    check(ids_in(mixed, all_returnable(reading.view), count, what) == mixed.live, what + ": what may be returned");
    for (std::size_t n = 0; n < 2 * rows; n += 1 + rows / 3) {
      const std::vector<Id> ids = some_ids(dice, rows, n), more = some_ids(dice, rows, n / 2);
      std::set<Id> without = mixed.live, kept, both;
      for (const Id id : ids) without.erase(id);
      for (const Id id : ids) {
        if (mixed.live.count(id) > 0) kept.insert(id);
      }
      both = kept;
      for (const Id id : more) both.erase(id);
      Allowed allowed = all_returnable(reading.view);
      take_away(allowed, mixed.index.table, ids);
      check(ids_in(mixed, allowed, count, what) == without, what + ", some taken away");
      allowed = all_returnable(reading.view);
      keep_only(allowed, mixed.index.table, ids);
      check(ids_in(mixed, allowed, count, what) == kept, what + ", some kept");
      take_away(allowed, mixed.index.table, more);
      check(ids_in(mixed, allowed, count, what) == both, what + ", some kept, then some taken away");
    }
  }
}

// A view stays what it was: of rows that were replaced it has the old ones, and none of those that came.
void bits_belong_to_the_instant_of_their_view() {
  Mixed mixed(200);
  const ScratchPool::Lease lease = mixed.index.pool.lend();
  const Reading before = read_state(mixed.index.state, mixed.index.metric);
  const std::set<Id> live = mixed.live;
  mixed.index.put(ids_between(90, 130), scattered(40, kWide, 6));
  mixed.index.put(ids_between(900, 930), scattered(30, kWide, 7));
  check(ids_in(mixed, all_returnable(before.view), before.view.count, "a view of before") == live,
        "what may be returned of a view of before");
  const Reading after = read_state(mixed.index.state, mixed.index.metric);
  check_equal(all_returnable(after.view).count, live.size() + 30 + 20, "rows of now: twenty were removed before");
}

void check_slots(const Mixed& mixed, const Reading& reading, const SlotFilter* filter, const std::set<Id>& expected,
                 WalkScratch& walk, const std::string& what) {
  std::vector<Slot> plain;
  std::set<Id> found;
  for (Slot slot = 0; slot < reading.view.count; ++slot) {
    if (may_return(reading.view, filter, slot, walk)) plain.push_back(slot);
    if (may_return(reading.view, filter, slot, walk)) found.insert(*mixed.index.state.ids.at<Id>(slot));
  }
  check(found == expected && plain.size() == expected.size(), what + ": what may be returned");
  for (const std::size_t most : {1u, 3u, 64u, 100'000u}) {
    std::vector<Slot> slots(most + reading.view.count), all;
    ReturnableSlots returnable(reading.view, filter, walk);
    for (std::size_t n = 1; n > 0;) {
      n = returnable.next(slots.data(), most);
      check(n <= most, what + ": more than was asked for");
      all.insert(all.end(), slots.begin(), slots.begin() + static_cast<std::ptrdiff_t>(n));
    }
    check(all == plain, what + ": slots, " + std::to_string(most) + " at a time");
    check_equal(returnable.next(slots.data(), most), std::size_t{0}, what + ": slots behind the end");
  }
}

void slots_are_those_that_pass() {
  Dice dice(4);
  for (const std::size_t rows : {1u, 40u, 64u, 200u, 700u}) {
    const Mixed mixed(rows);
    const Reading reading = read_state(mixed.index.state, mixed.index.metric);
    const ScratchPool::Lease lease = mixed.index.pool.lend();
    lease->fit(reading.view.count, 8, reading.view.places0, mixed.index.metric.padded);
    WalkScratch& walk = lease->walk();
    check_slots(mixed, reading, nullptr, mixed.live, walk, "no filter");
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, rows / 10, rows}) {
      for (int forms = 0; forms < 8; ++forms) {
        const std::vector<Id> kept = some_ids(dice, rows, n), denied = some_ids(dice, rows, n),
                              listed = some_ids(dice, rows, 2 * n);
        std::set<Id> expected = mixed.live;
        Allowed allowed = all_returnable(reading.view);
        keep_only(allowed, mixed.index.table, kept);
        std::size_t num = 0;
        SlotFilter filter;
        const auto intersect = [&](const std::vector<Id>& ids, bool in) {
          std::erase_if(expected, [&](Id id) { return (std::find(ids.begin(), ids.end(), id) != ids.end()) != in; });
        };
        if ((forms & 1) != 0) {
          filter.allowed = allowed.bits.data();
          intersect(kept, true);
        }
        if ((forms & 2) != 0) {
          filter.denied_ids = fill_cells(lease->denied_cells(), denied, num);
          intersect(denied, false);
        }
        if ((forms & 4) != 0) {
          filter.allowed_ids = fill_cells(lease->allowed_cells(), listed, num);
          intersect(listed, true);
        }
        check_equal(leaves_out(filter), forms != 0, "a filter that leaves something out");
        check_slots(mixed, reading, &filter, expected, walk,
                    std::to_string(rows) + " rows, " + std::to_string(n) + " ids, forms " + std::to_string(forms));
      }
    }
  }
}

// --- plans ---------------------------------------------------------------------------------------

// The more may be returned, the sooner a walk pays; and whatever it costs is bounded by what a scan would.
void plans_follow_the_counts() {
  for (const std::size_t rows : {1u, 10u, 1000u, 100'000u, 50'000'000u}) {
    for (const std::size_t k : {1u, 10u, 300u}) {
      for (const std::size_t ef : {k, 2 * k, 50 * k}) {
        for (const std::size_t M : {2u, 12u, 64u}) {
          bool walks = false;
          std::size_t scanned = 0;
          const auto look = [&](std::size_t allowed) {
            const std::string what = std::to_string(allowed) + " of " + std::to_string(rows) + ", ef " +
                                     std::to_string(ef) + ", M " + std::to_string(M);
            const Outlook outlook{rows, allowed, k, ef, M};
            check(outlook.share() >= 0 && outlook.share() <= 1, what + ": share");
            const Chosen chosen = choose_plan(outlook, Plan::Auto);
            if (allowed == 0) return check(chosen.plan == Plan::None, what + ": nothing may be returned");
            check(chosen.plan == Plan::Scan || chosen.plan == Plan::Sweep, what + ": a scan or a sweep");
            check(!walks || chosen.plan == Plan::Sweep, what + ": a scan where fewer were swept");
            walks = chosen.plan == Plan::Sweep;
            if (!walks) scanned = allowed;
            check(chosen.most_distances >= 1 && chosen.most_distances <= allowed + 256, what + ": most distances");
            check(chosen.most_distances >= std::min(allowed, allowed / 4 + 256), what + ": a walk is given a chance");
            for (const Plan plan : {Plan::Scan, Plan::Sweep, Plan::Exact, Plan::Walk}) {
              const Chosen forced = choose_plan(outlook, plan);
              check(forced.plan == plan && forced.most_distances == chosen.most_distances, what + ": a plan by force");
            }
            return true;
          };
          for (std::size_t allowed = 0; allowed <= rows; allowed += 1 + allowed / 7) {
            look(allowed);
          }
          look(rows);
          check(scanned >= std::min<std::size_t>(rows, 300), "few are scanned: " + std::to_string(scanned));
          if (rows <= 10) check(!walks, "few rows are never walked through");
          if (rows > 10'000'000) check(walks, "most of very many rows are walked through, ef " + std::to_string(ef));
        }
      }
    }
  }
  check_equal(Outlook{0, 5}.share(), 1.0, "the share where there are no rows");
  check_equal(Outlook{5, 9}.share(), 1.0, "the share of more than there are");
}

const Group group{"filters",
                  {{"a frontier is a sorted set that forgets its further half",
                    a_frontier_is_a_sorted_set_that_forgets_its_further_half},
                   {"the smallest are brought to the front", the_smallest_are_brought_to_the_front},
                   {"cells are a set of ids", cells_are_a_set_of_ids},
                   {"bits are what is left of the ids", bits_are_what_is_left_of_the_ids},
                   {"bits belong to the instant of their view", bits_belong_to_the_instant_of_their_view},
                   {"slots are those that pass", slots_are_those_that_pass},
                   {"plans follow the counts", plans_follow_the_counts}}};

}  // namespace
}  // namespace nearfield::test
