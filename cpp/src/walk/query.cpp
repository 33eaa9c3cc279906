#include "walk/query.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "files/block_guard.h"
#include "nearfield/error.h"
#include "simd/keys.h"
#include "threads.h"
#include "walk/beam.h"
#include "walk/held.h"
#include "walk/hop.h"

namespace nearfield {
namespace {

// Below this share of the rows in the beam a walk pays; above, reading all in sequence is cheaper. Not so where
// there are codes of 4 bits alone, which take long to decode: a beam of a quarter takes .53 ms by walking, 1.2 by
// reading all of 8,000 x 128, and .63 and 6.6 of 768 dimensions (8 bits: .51 and .36, .68 and 1.5; Emerald Rapids,
// 2026-11-27).
constexpr std::size_t kScanShare = 4;
constexpr std::size_t kNibbleScanShare = 1;
// Queries of a batch that take turns on one thread.
constexpr std::size_t kTurns = 4;

struct Batch {
  const CurrentState& current;
  const Metric& metric;
  ScratchPool& pool;
  const float* queries;
  std::size_t rows;
  const QueryOptions& options;
  Id* ids;
  float* distances;
  std::uint32_t* counts;
  std::atomic<std::uint64_t> num_distances{0};
  std::atomic<std::uint64_t> num_hops{0};
};

// The id of a result; the ids of a mapped file may be unread yet.
Id id_of(const Reading& reading, Slot slot) {
  const WalkView& view = reading.view;
  const Id* id = reading.state->ids.at<Id>(slot);
  if (view.touch != nullptr && !view.touch(view.guard, id, sizeof *id)) reading.state->guard->throw_corrupt();
  return *id;
}

// What the walk on codes leaves in doubt, by exact distance.
WalkResult compare_again(const Batch& batch, const Reading& reading, Scratch& scratch) {
  const bool decoded = batch.metric.storage == Storage::CodesOnly;
  const WalkView vectors = decoded ? reading.view : vectors_of(reading.view, *reading.state);
  const std::size_t n = scratch.walk().num_logged;
  for (std::size_t i = 0; i < n; ++i) {
    scratch.slots()[i] = entry_slot(scratch.walk().log[i]);
    if (vectors.touch != nullptr &&
        !vectors.touch(vectors.guard, vectors.rows.row(scratch.slots()[i]), vectors.rows.stride)) {
      reading.state->guard->throw_corrupt();
    }
  }
  if (decoded) {
    decoded_keys(batch.metric, reading, scratch, scratch.slots(), n, scratch.keys());
  } else {
    batch.metric.walks->keys(vectors, scratch.query(), scratch.slots(), n, scratch.keys());
  }
  Beam sorted{scratch.sorted(), std::min(batch.options.k, reading.view.count)};
  sorted.clear();
  for (std::size_t i = 0; i < n; ++i) sorted.insert(make_entry(scratch.keys()[i], scratch.slots()[i]));
  return {sorted.entries, sorted.size};
}

// Cosines that rounding has made greater than 1 are 1.
float distance_of(Space space, std::uint64_t entry) {
  const float distance = nearfield::distance_of(entry_key(entry));
  return space == Space::Cosine && distance < 0 ? 0.0f : distance;
}

// Rows at equal distance come in order of insertion. That of their entries is this one already, unless free slots were
// taken or distances were below 0.
void sort_ties(const State& state, Space space, std::uint64_t* entries, std::size_t n) {
  const bool clamped = space == Space::Cosine && n > 0 && nearfield::distance_of(entry_key(entries[0])) < 0;
  if (!clamped && !state.has_numbers()) return;
  for (std::size_t i = 0; i < n;) {
    std::size_t end = i + 1;
    while (end < n && distance_of(space, entries[end]) == distance_of(space, entries[i])) ++end;
    if (end - i > 1) {
      std::sort(entries + i, entries + end, [&state](std::uint64_t a, std::uint64_t b) {
        return state.number_of(entry_slot(a)) < state.number_of(entry_slot(b));
      });
    }
    i = end;
  }
}

void write_row(const Batch& batch, const Reading& reading, WalkResult result, std::size_t row) {
  const std::size_t k = batch.options.k;
  const Space space = batch.metric.space;
  Id* ids = batch.ids + row * k;
  float* distances = batch.distances + row * k;
  const std::size_t found = std::min(k, result.size);
  sort_ties(*reading.state, space, result.entries, found);
  for (std::size_t i = 0; i < found; ++i) {
    ids[i] = id_of(reading, entry_slot(result.entries[i]));
    distances[i] = distance_of(space, result.entries[i]);
  }
  std::fill(ids + found, ids + k, kNoId);
  std::fill(distances + found, distances + k, std::numeric_limits<float>::infinity());
  batch.counts[row] = static_cast<std::uint32_t>(found);
}

// Memory and way of each of the queries that take turns.
struct Turns {
  ScratchPool::Lease leases[kTurns];
  bool by_codes[kTurns];  // whether codes lead the walk
  WalkResult results[kTurns];
};

// What is searched for, the same for all queries on one view.
struct Wanted {
  std::size_t ef;    // of the walk
  std::size_t beam;  // entries
  bool scan;         // cheaper than a walk
};

// Hidden slots to which links may lead.
std::size_t num_walked_through(const Census& census) {
  return census.dead.load(std::memory_order_relaxed) + census.marked.load(std::memory_order_relaxed);
}

// Rows, live or marked: what is exact does not depend on the slots of rows that are gone.
std::size_t num_present(const State& state, std::size_t count) {
  const std::size_t gone =
      state.census.dead.load(std::memory_order_relaxed) + state.census.free.load(std::memory_order_relaxed);
  return count - std::min(gone, count);
}

Wanted wanted_of(const Batch& batch, const Reading& reading) {
  const WalkView& view = reading.view;
  const std::size_t k = batch.options.k;
  const std::size_t hidden = view.hide != 0 ? num_walked_through(reading.state->census) : 0;
  const std::size_t ef = std::max<std::size_t>(1, std::min(std::max(batch.options.ef, k), view.count));
  const bool only_nibbles = batch.metric.storage == Storage::CodesOnly && reading.state->config.codes == Codes::Int4;
  const std::size_t share = only_nibbles ? kNibbleScanShare : kScanShare;
  return {ef, beam_for(ef, hidden), num_present(*reading.state, view.count) <= share * ef};
}

// The query in all the ways in which it may be compared. Returns whether codes can lead its walk.
bool prepare(const Batch& batch, const Reading& reading, const Wanted& wanted, std::size_t row, Scratch& scratch) {
  const Metric& metric = batch.metric;
  const WalkView& view = reading.view;
  scratch.fit(view.count, wanted.beam, wanted.ef, view.places0, metric.padded);
  metric.prepare(batch.queries + row * metric.dimensions, scratch.query());
  bool by_codes = false;
  if (reading.codes != nullptr) {
    const Grid& grid = reading.codes->grid;
    if (reading.sketch != nullptr) {
      metric.project(reading.sketch->projection, scratch.query(), scratch.codes(), scratch.decoded());
      metric.encode_query(reading.sketch->grid, scratch.decoded(), scratch.sketch());
    }
    const float* encoded = as_encoded(grid, scratch.query(), metric.padded, scratch.decoded());
    const float held_off = metric.encode_query(grid, encoded, scratch.codes());
    by_codes =
        held_off <= kMostHeldOff * static_cast<float>(metric.dimensions) && !reading.codes->long_rows.are_too_many();
    if (metric.storage == Storage::CodesOnly) {
      if (is_compared_rotated(metric, grid)) std::copy_n(encoded, metric.padded, scratch.query());
      if (!by_codes) write_in_steps(grid, encoded, scratch.decoded());
    }
  }
  metric.scale_query(scratch.query());
  return by_codes;
}

// Ordinary data leaves up to 4 k rows in doubt at k = 10, 3 k at k = 100 (384-d text on 4 bits, 1,000 queries). What
// the beam has held is compared again, however many.
Doubt doubt_of(const Batch& batch, const Reading& reading, const Wanted& wanted, const unsigned char* query) {
  const Rounding rounding = rounding_of(reading.codes->grid, query);
  const std::size_t k = std::min(batch.options.k, reading.view.count);
  return {k, rounding.flat, rounding.rising, std::max({std::size_t{64}, 3 * k, wanted.ef})};
}

// The walks of those queries that are led by codes, or of the others: these compare the stored vectors or, where there
// are codes alone, those with the query as it is.
void walk(const Batch& batch, const Reading& reading, const Wanted& wanted, Turns& turns, std::size_t n,
          bool by_codes) {
  const bool by_vectors = !by_codes && batch.metric.storage != Storage::CodesOnly;
  const WalkView view = by_vectors ? vectors_of(reading.view, *reading.state) : reading.view;
  const Walks* others = by_vectors ? batch.metric.walks : batch.metric.number_walks;
  WalkJob jobs[kTurns];
  std::size_t who[kTurns];
  std::size_t num_jobs = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (turns.by_codes[i] != by_codes) continue;
    Scratch& scratch = *turns.leases[i];
    const void* query = by_codes     ? static_cast<const void*>(scratch.codes())
                        : by_vectors ? scratch.query()
                                     : scratch.decoded();
    jobs[num_jobs] = {.query = query,
                      .start = reading.entry.slot,
                      .from = reading.entry.level,
                      .to = 0,
                      .ef = wanted.ef,
                      .sketch = by_codes && reading.sketch != nullptr ? scratch.sketch() : nullptr,
                      .sketch_factor = reading.sketch != nullptr ? static_cast<double>(reading.sketch->factor) : 1,
                      .doubt = by_codes ? doubt_of(batch, reading, wanted, scratch.codes()) : Doubt{},
                      .scratch = &scratch.walk()};
    who[num_jobs++] = i;
  }
  if (num_jobs == 0) return;
  if (by_codes) {
    reading.search(view, jobs, num_jobs);
  } else {
    others->search(view, jobs, num_jobs);
  }
  for (std::size_t i = 0; i < num_jobs; ++i) turns.results[who[i]] = jobs[i].result;
}

// Both as one: what was met on codes, in scratch.sorted(), and what was found by the vectors, in any order. Distances
// of both are exact, so a row that is in both has the same entry.
WalkResult merge(WalkResult met, WalkResult found, std::size_t k) {
  Beam sorted{met.entries, k};
  sorted.size = met.size;
  for (std::size_t i = 0; i < found.size; ++i) {
    const std::uint64_t entry = make_entry(entry_key(found.entries[i]), entry_slot(found.entries[i]));
    if (entry < sorted.bound() && !std::binary_search(sorted.entries, sorted.entries + sorted.size, entry)) {
      sorted.insert(entry);
    }
  }
  return {sorted.entries, sorted.size};
}

// With the rows that are too long for codes, wherever the walk has gone.
WalkResult merge_long_rows(const Batch& batch, const Reading& reading, Scratch& scratch, WalkResult met) {
  const LongRows& long_rows = reading.codes->long_rows;
  const WalkView vectors = vectors_of(reading.view, *reading.state);
  Slot slots[LongRows::kMost];
  std::uint32_t keys[LongRows::kMost];
  std::uint64_t entries[LongRows::kMost];
  std::size_t n = 0;
  // A writer may append meanwhile, of rows that this view does not have yet.
  // From the end: a writer who lets one go moves the last one to an earlier place.
  for (std::size_t i = std::min(LongRows::kMost, long_rows.size()); i > 0; --i) {
    const Slot slot = long_rows[i - 1];
    if (slot >= vectors.count || (vectors.hide != 0 && is_hidden(vectors, slot))) continue;
    if (!touch(vectors, vectors.rows.row(slot), vectors.rows.stride, scratch.walk())) return met;
    slots[n++] = slot;
  }
  if (n == 0) return met;
  batch.metric.walks->keys(vectors, scratch.query(), slots, n, keys);
  scratch.walk().num_distances += n;
  for (std::size_t i = 0; i < n; ++i) entries[i] = make_entry(keys[i], slots[i]);
  return merge(met, {entries, n}, std::min(batch.options.k, vectors.count));
}

// Walk for all of them, and compare again what codes leave in doubt.
void walk_all(const Batch& batch, const Reading& reading, const Wanted& wanted, Turns& turns, std::size_t n) {
  walk(batch, reading, wanted, turns, n, true);
  WalkResult met[kTurns] = {};
  for (std::size_t i = 0; i < n; ++i) {
    const WalkScratch& scratch = turns.leases[i]->walk();
    if (!turns.by_codes[i] || scratch.damaged) continue;
    met[i] = merge_long_rows(batch, reading, *turns.leases[i], compare_again(batch, reading, *turns.leases[i]));
    turns.results[i] = met[i];
    turns.by_codes[i] = !scratch.undecided || batch.metric.storage == Storage::CodesOnly;
  }
  walk(batch, reading, wanted, turns, n, false);
  for (std::size_t i = 0; i < n; ++i) {
    WalkScratch& scratch = turns.leases[i]->walk();
    if (turns.by_codes[i] || scratch.damaged) continue;
    if (met[i].size > 0) {
      turns.results[i] = merge(met[i], turns.results[i], std::min(batch.options.k, reading.view.count));
    } else if (batch.metric.storage == Storage::CodesOnly) {
      // Numbers of the grid give no distances: all that was found is compared again.
      scratch.num_logged = std::min(turns.results[i].size, scratch.log_capacity);
      std::copy_n(turns.results[i].entries, scratch.num_logged, scratch.log);
      turns.results[i] = compare_again(batch, reading, *turns.leases[i]);
    }
  }
}

WalkResult scan(const Batch& batch, const Reading& reading, Scratch& scratch) {
  const std::size_t k = std::min(batch.options.k, reading.view.count);
  if (batch.metric.storage == Storage::CodesOnly) return scan_decoded(batch.metric, reading, k, scratch);
  return batch.metric.walks->scan(vectors_of(reading.view, *reading.state), scratch.query(), 0, reading.view.count, k,
                                  scratch.walk());
}

// Rows [first, first + n), n at most kTurns, on one view of the state.
void query_together(Batch& batch, std::size_t first, std::size_t n) {
  Turns turns;
  for (std::size_t i = 0; i < n; ++i) turns.leases[i] = batch.pool.lend();
  const Reading reading = read_state(*batch.current.load(), batch.metric);
  if (reading.entry.slot == kNoSlot) {
    for (std::size_t i = 0; i < n; ++i) write_row(batch, reading, {nullptr, 0}, first + i);
    return;
  }
  const Wanted wanted = wanted_of(batch, reading);
  std::uint64_t distances = 0, hops = 0;
  for (std::size_t i = 0; i < n; ++i) {
    Scratch& scratch = *turns.leases[i];
    turns.by_codes[i] = prepare(batch, reading, wanted, first + i, scratch);
    distances -= scratch.walk().num_distances;
    hops -= scratch.walk().num_hops;
  }
  if (!wanted.scan) walk_all(batch, reading, wanted, turns, n);
  for (std::size_t i = 0; i < n; ++i) {
    Scratch& scratch = *turns.leases[i];
    WalkResult result = turns.results[i];
    // How many could be found is known only to a scan: others may hide and bring back rows meanwhile.
    if (wanted.scan || (result.size < std::min(batch.options.k, reading.view.count) && !scratch.walk().damaged)) {
      result = scan(batch, reading, scratch);
    }
    if (scratch.walk().damaged) reading.state->guard->throw_corrupt();
    write_row(batch, reading, result, first + i);
    distances += scratch.walk().num_distances;
    hops += scratch.walk().num_hops;
  }
  batch.num_distances.fetch_add(distances, std::memory_order_relaxed);
  batch.num_hops.fetch_add(hops, std::memory_order_relaxed);
}

}  // namespace

Reading read_state(const State& state, const Metric& metric) {
  // The entry point first: the count that is read after it covers it.
  Reading reading{&state, state.graph.entry(), {}, metric.walks, nullptr, nullptr};
  WalkView& view = reading.view;
  view.count = state.count.load(std::memory_order_acquire);
  view.rows = state.vectors.view();
  reading.codes = state.codes.load();
  if (reading.codes != nullptr) {
    view.rows = reading.codes->rows.view();
    reading.walks = metric.code_walks;
    reading.sketch = reading.codes->sketch_or_null();
    view.sketches = reading.codes->sketches.view();
  }
  view.links = state.graph.links.view();
  view.upper_links = state.graph.upper_links.view();
  view.upper_of = state.graph.upper_of.view();
  view.flags = state.flags.view();
  view.replaced_by = state.replaced_by.view();
  view.numbers = state.numbers.view();
  view.places0 = 2 * state.graph.M;
  view.places = state.graph.M;
  view.published = state.published.load(std::memory_order_acquire);  // after the count: of two versions of a row that
                                                                     // differ in both, one exists
  view.hide = state.census.away.load(std::memory_order_acquire) > 0 ? kAway : 0;
  if (state.guard && !state.guard->all_checked()) {
    view.touch = &BlockGuard::touch;
    view.guard = state.guard.get();
    view.upper_rows = state.graph.upper_rows;
  }
  return reading;
}

WalkView vectors_of(const WalkView& view, const State& state) {
  WalkView vectors = view;
  vectors.rows = state.vectors.view();
  return vectors;
}

QueryCounters query_rows(const CurrentState& current, const Metric& metric, ScratchPool& pool, const float* queries,
                         std::size_t rows, const QueryOptions& options, Id* ids, float* distances,
                         std::uint32_t* counts) {
  metric.check_finite(queries, rows, "vectors");
  Batch batch{current, metric, pool, queries, rows, options, ids, distances, counts};
  if (rows == 1) {
    query_together(batch, 0, 1);
  } else {
    parallel_for((rows + kTurns - 1) / kTurns, options.num_threads,
                 [&batch](std::size_t, std::size_t group) {
                   query_together(batch, group * kTurns, std::min(kTurns, batch.rows - group * kTurns));
                 },
                 options.poll);
  }
  return {batch.num_distances.load(), batch.num_hops.load()};
}

}  // namespace nearfield
