#include "walk/query.h"

#include <algorithm>
#include <atomic>

#include "files/block_guard.h"
#include "threads.h"
#include "walk/answer.h"

namespace nearfield {
namespace {

// Below this share of the rows in the beam a walk pays; above, reading all in sequence is cheaper. Not so where
// there are codes of 4 bits alone, which take long to decode: a beam of a quarter takes .53 ms by walking, 1.2 by
// reading all of 8,000 x 128, and .63 and 6.6 of 768 dimensions (8 bits: .51 and .36, .68 and 1.5; Emerald Rapids,
// 2026-11-27).
constexpr std::size_t kScanShare = 4;
constexpr std::size_t kNibbleScanShare = 1;
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

// Rows [first, first + n), n at most kTurns, on one view of the state.
void query_together(Batch& batch, std::size_t first, std::size_t n) {
  Turn turns[kTurns];
  for (std::size_t i = 0; i < n; ++i) turns[i].scratch = batch.pool.lend();
  const Reading reading = read_state(*batch.current.load(), batch.metric);
  const std::size_t count = reading.view.count, k = batch.options.k;
  const auto write = [&](std::size_t i, WalkResult result) {
    const std::size_t row = first + i;
    batch.counts[row] = static_cast<std::uint32_t>(
        write_answer(batch.metric, reading, result, k, batch.ids + row * k, batch.distances + row * k));
  };
  if (reading.entry.slot == kNoSlot) {
    for (std::size_t i = 0; i < n; ++i) write(i, {nullptr, 0});
    return;
  }
  const std::size_t ef = std::max<std::size_t>(1, std::min(std::max(batch.options.ef, k), count));
  const bool scans = is_scanned(*reading.state, count, ef);
  std::uint64_t distances = 0, hops = 0;
  for (std::size_t i = 0; i < n; ++i) {
    Turn& turn = turns[i];
    turn.asked = {.vector = batch.queries + (first + i) * batch.metric.dimensions, .k = std::min(k, count), .ef = ef};
    prepare(batch.metric, reading, turn);
  }
  if (!scans) walk_all(batch.metric, reading, turns, n);
  for (std::size_t i = 0; i < n; ++i) {
    Turn& turn = turns[i];
    const WalkScratch& walk = turn.scratch->walk();
    // How many could be found is known only to a scan: others may hide and bring back rows meanwhile.
    if (scans || (turn.result.size < turn.asked.k && !walk.damaged)) turn.result = scan(batch.metric, reading, turn);
    if (walk.damaged) reading.state->guard->throw_corrupt();
    write(i, turn.result);
    distances += walk.num_distances - turn.distances_before;
    hops += walk.num_hops - turn.hops_before;
  }
  batch.num_distances.fetch_add(distances, std::memory_order_relaxed);
  batch.num_hops.fetch_add(hops, std::memory_order_relaxed);
}

}  // namespace

bool is_scanned(const State& state, std::size_t count, std::size_t ef) {
  const bool only_nibbles = state.config.storage == Storage::CodesOnly && state.config.codes == Codes::Int4;
  return num_present(state, count) <= (only_nibbles ? kNibbleScanShare : kScanShare) * ef;
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
