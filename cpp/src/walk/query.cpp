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

namespace nearfield {
namespace {

// Below this share of the index in the beam a walk pays; above, reading all rows in sequence is cheaper.
constexpr std::size_t kScanShare = 4;
// Queries of a batch that take turns on one thread.
constexpr std::size_t kTurns = 4;

struct Batch {
  const State& state;
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
Id id_of(const State& state, const WalkView& view, Slot slot) {
  const Id* id = state.ids.at<Id>(slot);
  if (view.touch != nullptr && !view.touch(view.guard, id, sizeof *id)) state.guard->throw_corrupt();
  return *id;
}

// What the walk on codes leaves in doubt, by exact distance.
WalkResult compare_again(const Batch& batch, const Reading& reading, Scratch& scratch) {
  const bool decoded = batch.metric.storage == Storage::CodesOnly;
  const WalkView vectors = decoded ? reading.view : vectors_of(reading.view, batch.state);
  const std::size_t n = scratch.walk().num_logged;
  for (std::size_t i = 0; i < n; ++i) {
    scratch.slots()[i] = entry_slot(scratch.walk().log[i]);
    if (vectors.touch != nullptr &&
        !vectors.touch(vectors.guard, vectors.rows.row(scratch.slots()[i]), vectors.rows.stride)) {
      batch.state.guard->throw_corrupt();
    }
  }
  if (decoded) {
    decoded_keys(batch.metric, reading, scratch, scratch.slots(), n, scratch.keys());
  } else {
    batch.metric.walks->keys(vectors, scratch.query(), scratch.slots(), n, scratch.keys());
  }
  Beam sorted{scratch.sorted(), std::min(n, batch.options.k)};
  sorted.clear();
  for (std::size_t i = 0; i < n; ++i) sorted.insert(make_entry(scratch.keys()[i], scratch.slots()[i]));
  return {sorted.entries, sorted.size};
}

void write_row(const Batch& batch, const WalkView& view, WalkResult result, std::size_t row) {
  const std::size_t k = batch.options.k;
  Id* ids = batch.ids + row * k;
  float* distances = batch.distances + row * k;
  const std::size_t found = std::min(k, result.size);
  const bool clamp = batch.metric.space == Space::Cosine;
  for (std::size_t i = 0; i < found; ++i) {
    const float distance = distance_of(entry_key(result.entries[i]));
    ids[i] = id_of(batch.state, view, entry_slot(result.entries[i]));
    distances[i] = clamp && distance < 0 ? 0.0f : distance;
  }
  std::fill(ids + found, ids + k, kNoId);
  std::fill(distances + found, distances + k, std::numeric_limits<float>::infinity());
  batch.counts[row] = static_cast<std::uint32_t>(found);
}

// Memory and job of each of the queries that take turns.
struct Turns {
  ScratchPool::Lease leases[kTurns];
  WalkJob jobs[kTurns];
};

// What is searched for, the same for all queries on one view.
struct Wanted {
  std::size_t ef;    // of the walk
  std::size_t beam;  // entries
  bool scan;         // cheaper than a walk
};

Wanted wanted_of(const Batch& batch, const Reading& reading) {
  const WalkView& view = reading.view;
  const std::size_t k = batch.options.k;
  const std::size_t hidden = view.hide != 0 ? batch.state.num_hidden.load(std::memory_order_relaxed) : 0;
  const std::size_t ef = std::max<std::size_t>(1, std::min(std::max(batch.options.ef, k), view.count));
  return {ef, beam_for(ef, hidden), view.count <= kScanShare * ef};
}

void prepare(const Batch& batch, const Reading& reading, const Wanted& wanted, std::size_t row, Scratch& scratch) {
  const WalkView& view = reading.view;
  scratch.fit(view.count, wanted.beam, wanted.ef, view.places0, batch.metric.padded);
  batch.metric.prepare(batch.queries + row * batch.metric.dimensions, scratch.query());
  if (reading.codes != nullptr) {
    const Grid& grid = reading.codes->grid;
    const float* encoded = as_encoded(grid, scratch.query(), batch.metric.padded, scratch.decoded());
    batch.metric.encode_query(grid, encoded, scratch.codes());
    // Rows that are decoded are compared as they were encoded.
    if (batch.metric.storage == Storage::CodesOnly) std::copy_n(encoded, batch.metric.padded, scratch.query());
  }
  batch.metric.scale_query(scratch.query());
}

Doubt doubt_of(const Batch& batch, const Reading& reading, const unsigned char* query) {
  if (reading.codes == nullptr) return {};
  const Rounding rounding = rounding_of(reading.codes->grid, query, batch.metric.dimensions);
  return {std::min(batch.options.k, reading.view.count), rounding.flat, rounding.rising};
}

void walk(const Batch& batch, const Reading& reading, const Wanted& wanted, Turns& turns, std::size_t n) {
  const WalkView& view = reading.view;
  const Entry entry = batch.state.graph.entry();
  // The entry point may be newer than the count of this view; its row is then not ours to read.
  const bool known = entry.slot < view.count;
  for (std::size_t i = 0; i < n; ++i) {
    Scratch& scratch = *turns.leases[i];
    const void* query = reading.codes != nullptr ? static_cast<const void*>(scratch.codes()) : scratch.query();
    turns.jobs[i] = {query,
                     known ? entry.slot : 0,
                     known ? entry.level : batch.state.graph.level_of(0),
                     0,
                     wanted.ef,
                     doubt_of(batch, reading, scratch.codes()),
                     &scratch.walk(),
                     {}};
  }
  reading.walks->search(view, turns.jobs, n);
}

WalkResult scan(const Batch& batch, const Reading& reading, Scratch& scratch) {
  const std::size_t k = std::min(batch.options.k, reading.view.count);
  if (batch.metric.storage == Storage::CodesOnly) return scan_decoded(batch.metric, reading, k, scratch);
  return batch.metric.walks->scan(vectors_of(reading.view, batch.state), scratch.query(), 0, reading.view.count, k,
                                  scratch.walk());
}

// Rows [first, first + n), n at most kTurns, on one view of the state.
void query_together(Batch& batch, std::size_t first, std::size_t n) {
  Turns turns;
  for (std::size_t i = 0; i < n; ++i) turns.leases[i] = batch.pool.lend();
  const Reading reading = read_state(batch.state, batch.metric);
  if (reading.view.count == 0) {
    for (std::size_t i = 0; i < n; ++i) write_row(batch, reading.view, {nullptr, 0}, first + i);
    return;
  }
  const Wanted wanted = wanted_of(batch, reading);
  std::uint64_t distances = 0, hops = 0;
  for (std::size_t i = 0; i < n; ++i) {
    Scratch& scratch = *turns.leases[i];
    prepare(batch, reading, wanted, first + i, scratch);
    distances -= scratch.walk().num_distances;
    hops -= scratch.walk().num_hops;
  }
  if (!wanted.scan) walk(batch, reading, wanted, turns, n);
  for (std::size_t i = 0; i < n; ++i) {
    Scratch& scratch = *turns.leases[i];
    WalkResult result = turns.jobs[i].result;
    if (!wanted.scan && reading.codes != nullptr && !scratch.walk().damaged) {
      result = compare_again(batch, reading, scratch);
    }
    // How many could be found is known only to a scan: others may hide and bring back rows meanwhile.
    if (wanted.scan || (result.size < std::min(batch.options.k, reading.view.count) && !scratch.walk().damaged)) {
      result = scan(batch, reading, scratch);
    }
    if (scratch.walk().damaged) batch.state.guard->throw_corrupt();
    write_row(batch, reading.view, result, first + i);
    distances += scratch.walk().num_distances;
    hops += scratch.walk().num_hops;
  }
  batch.num_distances.fetch_add(distances, std::memory_order_relaxed);
  batch.num_hops.fetch_add(hops, std::memory_order_relaxed);
}

}  // namespace

Reading read_state(const State& state, const Metric& metric) {
  Reading reading{{}, metric.walks, nullptr};
  WalkView& view = reading.view;
  view.count = state.count.load(std::memory_order_acquire);
  view.rows = state.vectors.view();
  reading.codes = state.codes.load();
  if (reading.codes != nullptr) {
    view.rows = reading.codes->rows.view();
    reading.walks = metric.code_walks;
  }
  view.links = state.graph.links.view();
  view.upper_links = state.graph.upper_links.view();
  view.upper_of = state.graph.upper_of.view();
  view.flags = state.flags.view();
  view.superseded_by = state.superseded_by.view();
  view.places0 = 2 * state.graph.M;
  view.places = state.graph.M;
  view.hide = state.num_hidden.load(std::memory_order_acquire) > 0 ? kHidden : 0;
  view.superseded = kSuperseded;
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

QueryCounters query_rows(const State& state, const Metric& metric, ScratchPool& pool, const float* queries,
                         std::size_t rows, const QueryOptions& options, Id* ids, float* distances,
                         std::uint32_t* counts) {
  metric.check_finite(queries, rows, "vectors");
  Batch batch{state, metric, pool, queries, rows, options, ids, distances, counts};
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
