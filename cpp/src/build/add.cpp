#include "build/add.h"

#include <string>

#include "build/connect.h"
#include "build/recode.h"
#include "build/round.h"
#include "nearfield/error.h"
#include "threads.h"

namespace nearfield {

void add_rows(State& state, const Metric& metric, ScratchPool& pool, const float* vectors, const Batch& batch,
              const AddOptions& options, const Publish& publish) {
  const std::size_t base = state.count.load(std::memory_order_relaxed);
  const std::size_t total = batch.rows.size();
  if (total > kMaxSlots - base) {
    throw IndexFull("the index holds " + std::to_string(base) + " rows and cannot take " + std::to_string(total) +
                    " more: an index holds at most 2^31 (split it into shards)");
  }
  state.grow(base + total);
  for (std::size_t first = base; first < base + total;) {
    const std::size_t last = round_end(first, base + total);
    parallel_for(last - first, options.num_threads, [&](std::size_t, std::size_t i) {
      const std::size_t slot = first + i;
      const std::size_t row = batch.rows[slot - base];
      const ScratchPool::Lease scratch = pool.lend();
      scratch->fit(0, 1, 1, 1, metric.padded);
      metric.encode(vectors + row * metric.dimensions, scratch->query(), state.vector_row(slot));
      *state.ids.at<Id>(slot) = batch.ids[row];
      *state.flags.at<std::uint8_t>(slot) = 0;
    });
    RoundCodes codes(state, pool);
    if (state.config.codes != Codes::None) codes.write(metric, first, last, options.num_threads);
    Poll poll;
    if (options.poll) poll = [&](std::size_t done, std::size_t) { options.poll(first - base + done, total); };
    Entry entry = state.graph.entry();
    const std::size_t replaced = state.num_superseded.load(std::memory_order_relaxed) + batch.num_doomed;
    link_round(state, metric, pool, first, last, replaced, options.num_threads, poll, entry);
    // All memory is taken before: what was published stays.
    Plane recent(state.vectors.row_bytes());
    const bool lets_go = lets_vectors_go(state, last);
    if (lets_go) copy_recent(state, last, recent);
    publish(first, last, entry);
    if (lets_go) state.vectors.swap(recent);
    codes.keep();
    state.unswept += last - first;
    first = last;
    // On a busy machine other threads may have done all of a round.
    if (options.poll && first < base + total) options.poll(first - base, total);
  }
  free_retired_codes(state, pool);
  if (sweep_is_due(state.unswept, base + total)) {
    Poll poll;
    if (options.poll) poll = [&](std::size_t, std::size_t) { options.poll(total, total); };
    connect(state, metric, pool, poll);
    state.unswept = 0;
  }
}

}  // namespace nearfield
