#include "walk/query.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "files/block_guard.h"
#include "nearfield/error.h"
#include "threads.h"
#include "walk/beam.h"

namespace nearfield {
namespace {

// Below this share of the index in the beam a walk pays; above, reading all rows in sequence is cheaper.
constexpr std::size_t kScanShare = 4;

struct Batch {
  const State& state;
  const Metric& metric;
  ScratchPool& pool;
  const float* queries;
  const QueryOptions& options;
  Id* ids;
  float* distances;
  std::uint32_t* counts;
  std::atomic<std::uint64_t> num_distances{0};
  std::atomic<std::uint64_t> num_hops{0};
};

WalkResult walk(const WalkView& view, const State& state, const Metric& metric, std::size_t ef, Scratch& scratch) {
  WalkScratch& walk_scratch = scratch.walk();
  const Entry entry = state.graph.entry();
  // The entry point may be newer than the count of this view; its row is then not ours to read.
  const Slot start = entry.slot < view.count ? entry.slot : 0;
  const int level = entry.slot < view.count ? entry.level : *state.graph.levels.at<std::uint8_t>(0);
  const Slot nearest = metric.walks->descend(view, scratch.query(), start, level, 1, walk_scratch);
  return metric.walks->search(view, scratch.query(), nearest, 0, ef, walk_scratch);
}

// The id of a result; the ids of a mapped file may be unread yet.
Id id_of(const State& state, const WalkView& view, Slot slot) {
  const Id* id = state.ids.at<Id>(slot);
  if (view.touch != nullptr && !view.touch(view.guard, id, sizeof *id)) state.guard->throw_corrupt();
  return *id;
}

void query_into(Batch& batch, const float* query, Scratch& scratch, Id* ids, float* distances, std::uint32_t& count) {
  const State& state = batch.state;
  const WalkView view = view_of(state, batch.metric);
  const std::size_t hidden = view.hide != 0 ? state.num_hidden.load(std::memory_order_relaxed) : 0;
  const std::size_t k = batch.options.k;
  const std::size_t ef = std::max<std::size_t>(1, std::min(std::max(batch.options.ef, k), view.count));
  scratch.fit(view.count, beam_for(ef, hidden), ef, view.places0, view.dimensions);
  batch.metric.prepare(query, scratch.query());

  const auto scan = [&] { return batch.metric.walks->scan(view, scratch.query(), 0, view.count, ef, scratch.walk()); };
  const bool scan_is_cheaper = view.count <= kScanShare * ef;
  WalkResult result = scan_is_cheaper ? scan() : walk(view, state, batch.metric, ef, scratch);
  // How many could be found is known only to a scan: others may hide and bring back rows meanwhile.
  if (!scan_is_cheaper && result.size < std::min(k, view.count) && !scratch.walk().damaged) result = scan();
  if (scratch.walk().damaged) state.guard->throw_corrupt();

  const std::size_t found = std::min(k, result.size);
  const bool clamp = batch.metric.space == Space::Cosine;
  for (std::size_t i = 0; i < found; ++i) {
    const float distance = entry_distance(result.entries[i]);
    ids[i] = id_of(state, view, entry_slot(result.entries[i]));
    distances[i] = clamp && distance < 0 ? 0.0f : distance;
  }
  std::fill(ids + found, ids + k, kNoId);
  std::fill(distances + found, distances + k, std::numeric_limits<float>::infinity());
  count = static_cast<std::uint32_t>(found);
}

void query_row(Batch& batch, std::size_t row) {
  const ScratchPool::Lease scratch = batch.pool.lend();
  const std::size_t k = batch.options.k;
  WalkScratch& walk_scratch = scratch->walk();
  const std::uint64_t distances_before = walk_scratch.num_distances;
  const std::uint64_t hops_before = walk_scratch.num_hops;
  const float* query = batch.queries + row * batch.metric.dimensions;
  query_into(batch, query, *scratch, batch.ids + row * k, batch.distances + row * k, batch.counts[row]);
  batch.num_distances.fetch_add(walk_scratch.num_distances - distances_before, std::memory_order_relaxed);
  batch.num_hops.fetch_add(walk_scratch.num_hops - hops_before, std::memory_order_relaxed);
}

}  // namespace

WalkView view_of(const State& state, const Metric& metric) {
  WalkView view;
  view.count = state.count.load(std::memory_order_acquire);
  view.vectors = state.vectors.view();
  view.links = state.graph.links.view();
  view.upper_links = state.graph.upper_links.view();
  view.upper_of = state.graph.upper_of.view();
  view.flags = state.flags.view();
  view.superseded_by = state.superseded_by.view();
  view.dimensions = metric.padded;
  view.places0 = 2 * state.graph.M;
  view.places = state.graph.M;
  view.hide = state.num_hidden.load(std::memory_order_acquire) > 0 ? kHidden : 0;
  view.superseded = kSuperseded;
  if (state.guard && !state.guard->all_checked()) {
    view.touch = &BlockGuard::touch;
    view.guard = state.guard.get();
    view.upper_rows = state.graph.upper_rows;
  }
  return view;
}

QueryCounters query_rows(const State& state, const Metric& metric, ScratchPool& pool, const float* queries,
                         std::size_t rows, const QueryOptions& options, Id* ids, float* distances,
                         std::uint32_t* counts) {
  metric.check_finite(queries, rows, "vectors");
  Batch batch{state, metric, pool, queries, options, ids, distances, counts};
  if (rows == 1) {
    query_row(batch, 0);
  } else {
    parallel_for(
        rows, options.num_threads, [&batch](std::size_t, std::size_t row) { query_row(batch, row); }, options.poll);
  }
  return {batch.num_distances.load(), batch.num_hops.load()};
}

}  // namespace nearfield
