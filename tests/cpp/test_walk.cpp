// The beam against a sorted vector; scans against a sort; walks that take turns against walks in other company.
#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "check.h"
#include "open_index.h"
#include "simd/keys.h"
#include "walk/beam.h"
#include "walk/hop.h"

namespace nearfield::test {
namespace {

constexpr std::uint64_t kUntouched = 0xABABABABABABABABu;

// A beam with the margins that it may use and, beyond them, numbers that it may not.
struct GuardedBeam {
  static constexpr std::size_t kGuards = 16;
  explicit GuardedBeam(std::size_t capacity)
      : memory(capacity + 2 * (kBeamMargin + kGuards), kUntouched),
        beam{memory.data() + kGuards + kBeamMargin, capacity} {
    beam.clear();
  }
  bool is_intact() const {
    const auto is_untouched = [](std::uint64_t entry) { return entry == kUntouched; };
    return std::all_of(memory.begin(), memory.begin() + kGuards, is_untouched) &&
           std::all_of(memory.end() - kGuards, memory.end(), is_untouched);
  }
  std::vector<std::uint64_t> memory;
  Beam beam;
};

// What a beam does, said simply.
struct SlowBeam {
  std::size_t capacity;
  std::vector<std::uint64_t> entries;

  std::uint64_t bound() const { return entries.size() == capacity ? entries.back() : ~std::uint64_t{0}; }
  void insert(std::uint64_t entry) {
    if (entry >= bound()) return;
    entries.insert(std::lower_bound(entries.begin(), entries.end(), entry), entry);
    if (entries.size() > capacity) entries.pop_back();
  }
  std::uint64_t* nearest_unexpanded(std::size_t ef) {
    for (std::size_t i = 0; i < std::min(ef, entries.size()); ++i) {
      if ((entries[i] & 1) == 0) return &entries[i];
    }
    return nullptr;
  }
};

void check_same(const GuardedBeam& guarded, const SlowBeam& slow, const std::string& what) {
  const Beam& beam = guarded.beam;
  if (!check_equal(beam.size, slow.entries.size(), what + ": size")) return;
  check(std::equal(slow.entries.begin(), slow.entries.end(), beam.entries), what + ": entries");
  check_equal(beam.bound(), slow.bound(), what + ": bound");
  check(beam.next <= beam.size, what + ": next is within");
  for (std::size_t i = 0; i < beam.next; ++i)
    check((beam.entries[i] & 1) != 0, what + ": all before next are expanded");
  check(guarded.is_intact(), what + ": written outside of the margins");
}

// Random calls in a row; few keys, so that many are equal.
void check_beam(std::size_t capacity, std::uint64_t seed, std::uint64_t keys) {
  GuardedBeam fast(capacity);
  SlowBeam slow{capacity, {}};
  const std::size_t steps = 4 * capacity + 40;
  for (std::size_t step = 0; step < steps; ++step) {
    const std::uint64_t random = mix64(mix64(seed + capacity) + step);
    const std::string what = "capacity " + std::to_string(capacity) + ", step " + std::to_string(step);
    if (random % 4 != 0) {
      // Falling, rising or random keys, each slot once; those at or above the bound as well: they are left out.
      const std::uint64_t key = seed % 3 == 0 ? steps - step : seed % 3 == 1 ? step : (random >> 8) % keys;
      const std::uint64_t entry = make_entry(static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(step));
      fast.beam.insert(entry);
      slow.insert(entry);
    } else {
      const std::size_t ef = random % 3 == 0 ? 1 + (random >> 8) % capacity : capacity;
      std::uint64_t* expected = slow.nearest_unexpanded(ef);
      std::uint64_t peeked = 0, popped = 0;
      check_equal(fast.beam.peek(ef, peeked), expected != nullptr, what + ": there is one to peek at");
      check_equal(fast.beam.pop(ef, popped), expected != nullptr, what + ": there is one to pop");
      if (expected != nullptr) {
        check_equal(peeked, *expected, what + ": peeked");
        check_equal(popped, *expected, what + ": popped");
        *expected |= 1;
      }
    }
    check_same(fast, slow, what);
  }
  fast.beam.clear();
  check_same(fast, {capacity, {}}, "after clear, capacity " + std::to_string(capacity));
}

void a_beam_is_a_sorted_vector() {
  for (std::size_t capacity = 1; capacity <= 200; ++capacity) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) check_beam(capacity, seed, 50);
    if (capacity > 60 && capacity < 68) {
      for (std::uint64_t seed = 5; seed < 40; seed += 3) check_beam(capacity, seed, 1u << 30);
    }
  }
}

void keys_sort_like_distances() {
  const float distances[] = {-3.4e38f, -1.0f, -1e-45f, 0.0f, 1e-45f, 0.5f, 1.0f, 3.4e38f, __builtin_inff()};
  for (std::size_t i = 0; i + 1 < std::size(distances); ++i) {
    check(key_of(distances[i]) < key_of(distances[i + 1]), "keys of neighbours ascend");
  }
  for (const float distance : distances) check_equal(distance_of(key_of(distance)), distance, "there and back");
}

constexpr std::uint32_t kDimensions = 20;

struct Kind {
  Space space;
  Storage storage;
  Codes codes;
};
constexpr Kind kKinds[] = {{Space::Euclidean, Storage::Float32, Codes::None},
                           {Space::InnerProduct, Storage::E4M3, Codes::None},
                           {Space::Cosine, Storage::Float8, Codes::Int8},
                           {Space::InnerProduct, Storage::Float32, Codes::Int8},
                           {Space::Euclidean, Storage::Float32, Codes::Int4}};

IndexConfig config_of(const Kind& kind) { return {kind.space, kind.storage, kDimensions, 8, 40, 1, kind.codes}; }

std::string name_of(const Kind& kind) {
  return "space " + std::to_string(static_cast<int>(kind.space)) + ", codes " +
         std::to_string(static_cast<int>(kind.codes));
}

// A query lent what it needs, for the rows that walks compare.
struct Asked {
  Asked(const OpenIndex& index, const Reading& reading, const float* vector, std::size_t wanted)
      : lease(index.pool.lend()) {
    lease->fit(reading.view.count, wanted, reading.view.places0, index.metric.padded);
    index.metric.prepare(vector, lease->query());
    if (reading.codes != nullptr) index.metric.encode_query(reading.codes->grid, lease->query(), lease->codes());
    index.metric.scale_query(lease->query());
    query = reading.codes != nullptr ? static_cast<const void*>(lease->codes()) : lease->query();
  }
  ScratchPool::Lease lease;
  const void* query;
};

// All slots that are not hidden, by key and slot.
std::vector<std::uint64_t> sorted_entries(const Reading& reading, const void* query) {
  std::vector<Slot> slots;
  for (std::size_t slot = 0; slot < reading.view.count; ++slot) {
    if ((*reading.view.flags.row(slot) & reading.view.hide) == 0) slots.push_back(static_cast<Slot>(slot));
  }
  std::vector<std::uint32_t> keys(slots.size());
  reading.walks->keys(reading.view, query, slots.data(), slots.size(), keys.data());
  std::vector<std::uint64_t> entries(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) entries[i] = make_entry(keys[i], slots[i]);
  std::sort(entries.begin(), entries.end());
  return entries;
}

// This runs the beam as each level has compiled it, too, in lengths at which they insert in other ways.
void a_scan_is_a_sort() {
  constexpr std::size_t kRows = 1500;
  std::vector<std::size_t> lengths{255, 256, 257, 300, 1023, 1024, 1025, 1100};
  for (std::size_t wanted = 1; wanted <= 200; wanted += wanted < 70 ? 1 : 13) lengths.push_back(wanted);
  std::vector<float> vectors = clustered(kRows, kDimensions, 3);
  std::copy(vectors.begin(), vectors.begin() + 50 * kDimensions, vectors.begin() + 200 * kDimensions);  // ties
  for (const Kind& kind : kKinds) {
    for_each_level([&](const std::string& level) {
      OpenIndex index(config_of(kind));
      index.add(vectors);
      for (const bool some_hidden : {false, true}) {
        for (Id id = 0; some_hidden && id < kRows; id += 7) mark(index.state, index.table, id);
        const Reading reading = read_state(index.state, index.metric);
        for (const std::size_t wanted : lengths) {
          Asked asked(index, reading, vectors.data() + wanted * kDimensions, wanted);
          const std::vector<std::uint64_t> expected = sorted_entries(reading, asked.query);
          const WalkResult found =
              reading.walks->scan(reading.view, nullptr, asked.query, 0, kRows, wanted, asked.lease->walk());
          check_equal(found.size, wanted, "rows found");
          check(std::equal(found.entries, found.entries + found.size, expected.begin()),
                level + ", " + name_of(kind) + ", the nearest " + std::to_string(wanted));
        }
      }
    });
  }
}

struct Found {
  std::vector<std::uint64_t> entries;
  std::uint64_t distances, hops;
  bool operator==(const Found&) const = default;
};

// Queries [first, first + n) of `vectors` in one call.
std::vector<Found> search_together(const OpenIndex& index, const std::vector<float>& vectors, std::size_t first,
                                   std::size_t n, std::size_t ef) {
  std::vector<std::optional<Asked>> asked(n);
  std::vector<WalkJob> jobs(n);
  const Reading reading = read_state(index.state, index.metric);
  const Entry entry = index.state.graph.entry();
  for (std::size_t i = 0; i < n; ++i) {
    asked[i].emplace(index, reading, vectors.data() + (first + i) * kDimensions, ef);
    WalkScratch& scratch = asked[i]->lease->walk();
    scratch.num_distances = scratch.num_hops = 0;
    jobs[i] = {.query = asked[i]->query, .start = entry.slot, .from = entry.level, .ef = ef, .scratch = &scratch};
  }
  reading.walks->search(reading.view, jobs.data(), n);
  std::vector<Found> found(n);
  for (std::size_t i = 0; i < n; ++i) {
    const WalkJob& job = jobs[i];
    found[i] = {
        {job.result.entries, job.result.entries + job.result.size}, job.scratch->num_distances, job.scratch->num_hops};
    for (std::uint64_t& e : found[i].entries) e &= ~std::uint64_t{1};
    check(found[i].entries.size() <= ef, "no more than ef");
    check(std::is_sorted(found[i].entries.begin(), found[i].entries.end()), "sorted");
    std::set<std::uint32_t> slots;
    for (const std::uint64_t e : found[i].entries) {
      slots.insert(entry_slot(e));
      check((*reading.view.flags.row(entry_slot(e)) & reading.view.hide) == 0, "a hidden slot was found");
    }
    check_equal(slots.size(), found[i].entries.size(), "distinct slots");
    const std::uint64_t* visited = job.scratch->visited;
    check(std::all_of(visited, visited + reading.view.count / 64 + 1, [](std::uint64_t word) { return word == 0; }),
          "the bits of visited are taken back");
  }
  return found;
}

double recall_of(const OpenIndex& index, const std::vector<float>& vectors, const std::vector<Found>& found,
                 std::size_t k) {
  const Reading reading = read_state(index.state, index.metric);
  std::size_t hits = 0;
  for (std::size_t q = 0; q < found.size(); ++q) {
    const Asked asked(index, reading, vectors.data() + q * kDimensions, k);
    const std::vector<std::uint64_t> truth = sorted_entries(reading, asked.query);
    for (std::size_t i = 0; i < k; ++i) {
      hits += std::binary_search(found[q].entries.begin(), found[q].entries.end(), truth[i]);
    }
  }
  return static_cast<double>(hits) / static_cast<double>(k * found.size());
}

void check_turns(const OpenIndex& index, const std::vector<float>& queries, std::size_t ef, const std::string& what) {
  const std::size_t n = queries.size() / kDimensions;
  std::vector<Found> alone, expected;
  for (std::size_t q = 0; q < n; ++q) alone.push_back(search_together(index, queries, q, 1, ef)[0]);
  for (const std::size_t group : {2u, 3u, 4u, 5u, 8u, 9u, 17u}) {  // of 9 the last one takes turns with nobody
    std::vector<Found> found;
    for (std::size_t q = 0; q < n; q += group) {
      // A last one alone would not take turns: it is asked for together with the one before it.
      const std::size_t size = std::min(group, n - q);
      const std::size_t first = size == 1 ? q - 1 : q;
      const std::vector<Found> more = search_together(index, queries, first, size == 1 ? 2 : size, ef);
      found.insert(found.end(), more.begin() + static_cast<std::ptrdiff_t>(q - first), more.end());
    }
    if (expected.empty()) expected = found;
    check(found == expected, what + ", turns of " + std::to_string(group));
  }
  check(search_together(index, queries, 3, 1, ef)[0] == alone[3], what + ", alone and again");
  const std::size_t k = std::min<std::size_t>(5, ef);
  const double in_turns = recall_of(index, queries, expected, k);
  const double by_itself = recall_of(index, queries, alone, k);
  const double least = ef >= 40 ? 0.9 : ef >= 10 ? 0.5 : 0.15;
  check(in_turns >= least && by_itself >= least,
        what + ", recall " + std::to_string(in_turns) + " in turns, " + std::to_string(by_itself) + " alone");
  check(by_itself >= in_turns - 0.05, what + ": choosing one hop early costs no recall");
  std::uint64_t hops = 0, hops_alone = 0;
  for (std::size_t q = 0; q < n; ++q) {
    hops += expected[q].hops;
    hops_alone += alone[q].hops;
  }
  check(hops_alone < hops * 3 / 2 && hops > 0,
        what + ": hops alone " + std::to_string(hops_alone) + ", in turns " + std::to_string(hops));
}

void walks_in_turns_do_not_depend_on_their_company() {
  constexpr std::size_t kRows = 1200;
  const std::vector<float> vectors = clustered(kRows, kDimensions, 3);
  const std::vector<float> queries = clustered(29, kDimensions, 3 + 100);
  for (const Kind& kind : kKinds) {
    std::vector<Found> expected;
    for_each_level([&](const std::string& level) {
      OpenIndex index(config_of(kind));
      index.add(vectors);
      for (const bool some_hidden : {false, true}) {
        for (Id id = 0; some_hidden && id < kRows; id += 3) mark(index.state, index.table, id);
        for (const std::size_t ef : {1u, 10u, 40u}) {
          check_turns(
              index, queries, ef,
              level + ", " + name_of(kind) + ", ef " + std::to_string(ef) + (some_hidden ? ", some hidden" : ""));
        }
      }
      const std::vector<Found> found = search_together(index, queries, 0, 29, 40);
      if (expected.empty()) expected = found;
      check(found == expected, level + " walks another way than scalar, " + name_of(kind));
    });
  }
}

// A walk that meets every row logs just those that are in doubt in the end: none of them hidden. Where they are more
// than `most`, it says so.
void the_log_holds_what_is_in_doubt() {
  constexpr std::size_t kRows = 900, kNearest = 5, kMost = 8;
  const std::vector<float> vectors = clustered(kRows, kDimensions, 3);
  const std::vector<float> queries = clustered(20, kDimensions, 103);
  std::size_t undecided = 0;
  for (const Kind& kind : kKinds) {
    OpenIndex index(config_of(kind));
    index.add(vectors);
    for (const bool some_hidden : {false, true}) {
      for (Id id = 0; some_hidden && id < kRows; id += 3) mark(index.state, index.table, id);
      const Reading reading = read_state(index.state, index.metric);
      const Entry entry = index.state.graph.entry();
      for (std::size_t q = 0; q < 20; ++q) {
        const Asked asked(index, reading, queries.data() + q * kDimensions, kRows);
        const std::vector<std::uint64_t> all = sorted_entries(reading, asked.query);
        const double kth = entry_key(all[kNearest - 1]);
        const Doubt doubt{kNearest, kth / 50, 1.5, kMost};
        WalkScratch& scratch = asked.lease->walk();
        WalkJob job{.query = asked.query,
                    .start = entry.slot,
                    .from = entry.level,
                    .ef = kRows,
                    .doubt = doubt,
                    .scratch = &scratch};
        reading.walks->search(reading.view, &job, 1);
        std::vector<std::uint64_t> log(scratch.log, scratch.log + scratch.num_logged);
        std::sort(log.begin(), log.end());
        std::vector<std::uint64_t> expected;
        for (const std::uint64_t e : all) {
          const bool in_doubt = entry_key(e) <= std::floor(kth + doubt.flat + doubt.rising * std::sqrt(kth));
          if (in_doubt) expected.push_back(e);
        }
        check(log == expected, name_of(kind) + ": logged " + std::to_string(log.size()) + ", in doubt " +
                                   std::to_string(expected.size()) + (some_hidden ? ", some hidden" : ""));
        check_equal(scratch.undecided, log.size() > kMost, name_of(kind) + ": undecided");
        undecided += scratch.undecided;
        // In a log that is too small the nearest stay.
        scratch.log_capacity = 6;
        reading.walks->search(reading.view, &job, 1);
        std::vector<std::uint64_t> few(scratch.log, scratch.log + scratch.num_logged);
        std::sort(few.begin(), few.end());
        check(expected.size() <= 6 || scratch.undecided, name_of(kind) + ": a log that was full");
        expected.resize(std::min<std::size_t>(expected.size(), 6));
        check(few == expected, name_of(kind) + ": of a small log, " + std::to_string(few.size()));
      }
    }
  }
  check(undecided > 10 && undecided < 150, "queries that are undecided: " + std::to_string(undecided));
}

// Rows as a reader may find them: full or not, with slots that do not exist yet, and, while a writer is changing one,
// with a slot twice or an end in the middle.
void check_gather(std::uint32_t places, std::size_t count, std::uint64_t seed) {
  const std::string what = std::to_string(places) + " places, " + std::to_string(count) + " slots";
  Plane links(places * sizeof(std::uint32_t)), rows(64);
  links.grow(count);
  rows.grow(count);
  std::uint64_t random = mix64(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::uint32_t>((random = mix64(random + 1)) % n); };
  for (std::size_t slot = 0; slot < count; ++slot) {
    auto* row = links.at<std::uint32_t>(slot);
    const std::uint32_t used = below(3) == 0 ? below(places + 1) : places;
    for (std::uint32_t i = 0; i < places; ++i) {
      const bool twice = i > 0 && below(10) == 0;
      row[i] = i >= used || below(40) == 0 ? kNoSlot : twice ? row[below(i)] : below(count + count / 8 + 1);
    }
  }
  WalkView view{};
  view.rows = rows.view();
  view.links = links.view();
  view.count = count;
  view.places0 = places;
  Scratch memory;
  memory.fit(count, 1, places, 16);
  WalkScratch& scratch = memory.walk();
  for (int walk = 0; walk < 3; ++walk) {
    std::set<std::uint32_t> met{below(count)};
    mark_visited(scratch, *met.begin());
    std::vector<std::uint32_t> last;  // what the hop before has met is still looked at
    const std::size_t hops = walk == 0 ? 3 : count;
    for (std::size_t h = 0; h < hops; ++h) {
      const std::uint32_t slot = below(count);
      std::vector<std::uint32_t> expected;
      for (std::uint32_t i = 0; i < places; ++i) {
        const std::uint32_t link = links.at<std::uint32_t>(slot)[i];
        if (link < count && met.insert(link).second) expected.push_back(link);
      }
      const Hop& before = scratch.hops[1 - h % 2];
      Hop& hop = scratch.hops[h % 2];
      gather(view, view.rows, slot, 0, scratch, hop);
      if (!check_equal(hop.n, expected.size(), what + ": met")) return;
      check(std::equal(expected.begin(), expected.end(), hop.slots), what + ": slots in the order of their links");
      check(h == 0 || std::equal(last.begin(), last.end(), before.slots), what + ": slots of the hop before");
      for (std::size_t i = 0; i < (hop.n + 3) / 4 * 4; ++i) {
        check(hop.rows[i] == view.rows.row(expected[std::min(i, hop.n - 1)]), what + ": rows, filled up to fours");
      }
      last = expected;
    }
    for (std::uint32_t slot = 0; slot < count; ++slot) {
      check_equal(scratch.visited[slot / 64] >> slot % 64 & 1, met.count(slot), what + ": marked");
    }
    clear_visited(scratch);
    check(std::all_of(scratch.visited, scratch.visited + count / 64 + 1, [](std::uint64_t word) { return word == 0; }),
          what + ": the bits are taken back");
  }
}

void a_hop_meets_each_slot_once() {
  for (std::uint32_t places = 1; places <= 64; ++places) {
    for (const std::size_t count : {1u, 17u, 63u, 64u, 500u, 9000u}) {
      if (count < 1000 || places % 16 < 2) check_gather(places, count, places + count);
    }
  }
}

const Group group{"walk",
                  {{"a beam is a sorted vector", a_beam_is_a_sorted_vector},
                   {"a hop meets each slot once", a_hop_meets_each_slot_once},
                   {"keys sort like distances", keys_sort_like_distances},
                   {"a scan is a sort", a_scan_is_a_sort},
                   {"walks in turns do not depend on their company", walks_in_turns_do_not_depend_on_their_company},
                   {"the log holds what is in doubt", the_log_holds_what_is_in_doubt}}};

}  // namespace
}  // namespace nearfield::test
