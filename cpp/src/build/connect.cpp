#include "build/connect.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "build/adopt.h"
#include "graph/reach.h"
#include "walk/beam.h"
#include "walk/query.h"

namespace nearfield {

namespace {

constexpr int kMostSweeps = 4;  // hanging one on may cut another off, so a sweep that has is followed by another

// One sweep. Returns how many were hung on.
std::size_t sweep(State& state, const Metric& metric, ScratchPool& pool, const Poll& poll) {
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  const Entry entry = state.graph.entry();
  if (entry.slot == kNoSlot) return 0;
  std::size_t num_hung_on = 0;
  Reach reach = reach_of(state.graph, count);
  const std::size_t ef = std::min<std::size_t>(state.config.ef_construction, count);
  const ScratchPool::Lease scratch = pool.lend();
  const std::size_t dead = state.census.dead.load(std::memory_order_relaxed);
  scratch->fit(count, ef, state.graph.places(0), metric.padded);
  Reading reading = read_state(state, metric);
  reading.view.hide = dead > 0 ? kDead | kLeaving | kUnlinked : 0;
  std::vector<Slot> hosts, few;
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = static_cast<Slot>(i);
    if (reach.has(slot) || (flags_of(state, slot) & (kDead | kFree)) != 0) continue;
    const void* query = reading.query_of(slot, scratch->decoded());
    const Slot nearest = reading.walks->descend(reading.view, query, entry.slot, entry.level, 1, scratch->walk());
    WalkJob job;
    job.query = query;
    // The walk begins at the entry point's side unless the descent ended on a slot that is itself cut off.
    job.start = reach.has(nearest) ? nearest : entry.slot;
    job.ef = ef;
    job.scratch = &scratch->walk();
    reading.walks->search(reading.view, &job, 1);
    if (job.result.size == 0) {  // nothing but dead rows
      WalkView all = reading.view;
      all.hide &= kLeaving | kUnlinked;
      reading.walks->search(all, &job, 1);
    }
    if (job.result.size == 0) continue;
    hosts.clear();
    for (std::size_t near = 0; near < job.result.size; ++near) hosts.push_back(entry_slot(job.result.entries[near]));
    hang_on(state, slot, hosts, few);
    reach.add(slot);
    ++num_hung_on;
    if (poll) poll(count, count);
  }
  adopt(state, std::move(few));
  return num_hung_on;
}

}  // namespace

void connect(State& state, const Metric& metric, ScratchPool& pool, const Poll& poll) {
  for (int i = 0; i < kMostSweeps; ++i) {
    if (sweep(state, metric, pool, poll) == 0) return;
  }
}

}  // namespace nearfield
