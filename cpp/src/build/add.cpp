#include "build/add.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "build/connect.h"
#include "build/recode.h"
#include "build/round.h"
#include "nearfield/error.h"
#include "threads.h"

namespace nearfield {
namespace {

// The slots of a round, ascending: free ones while there are any, then new ones. Unless they are published, those that
// were free wait for queries that have met links to them, and are free again.
class TakenSlots {
 public:
  TakenSlots(State& state, ScratchPool& pool, std::size_t rows) : state_(state), pool_(pool) {
    const std::size_t n = round_rows(state.published.load(std::memory_order_relaxed), rows);
    Repair& repair = state.repair;
    repair.freed.reserve(repair.freed.size() + 1);
    repair.newborns.reserve(repair.newborns.size() + 1);
    were_free_ = !repair.free.empty();
    if (were_free_) {
      slots_.resize(std::min(n, repair.free.size()));
      std::copy_n(repair.free.rbegin(), slots_.size(), slots_.begin());
      repair.free.resize(repair.free.size() - slots_.size());
    } else {
      slots_.resize(room_for_new(n));
      std::iota(slots_.begin(), slots_.end(), static_cast<Slot>(state.count.load(std::memory_order_relaxed)));
    }
  }
  TakenSlots(const TakenSlots&) = delete;
  TakenSlots& operator=(const TakenSlots&) = delete;
  ~TakenSlots() {
    if (were_free_ && !is_published_) state_.repair.freed.push_back({pool_.advance(), std::move(slots_)});
  }

  std::span<const Slot> slots() const { return slots_; }
  bool were_free() const { return were_free_; }

  // Takes no memory.
  void publish(const AddSteps& steps, Entry entry) {
    steps.publish(slots_, entry);
    is_published_ = true;
    if (were_free_) state_.repair.newborns.push_back({pool_.advance(), std::move(slots_)});
  }

 private:
  // An index of codes alone lets vectors go at the end of a round.
  std::size_t room_for_new(std::size_t n) const {
    const std::size_t count = state_.count.load(std::memory_order_relaxed);
    return keeps_all_vectors(Storage::CodesOnly, count) && state_.config.storage == Storage::CodesOnly
               ? std::min(n, kFewSlots - count)
               : n;
  }

  State& state_;
  ScratchPool& pool_;
  std::vector<Slot> slots_;
  bool were_free_ = false;
  bool is_published_ = false;
};

// Free slots have rows whose numbers are not their slots: from the first one that is taken on, numbers are kept.
void write_numbers(State& state, const TakenSlots& taken) {
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  if (!state.has_numbers()) {
    if (!taken.were_free()) return;
    Plane numbers(sizeof(std::uint64_t));  // all of them or none, should memory end
    numbers.grow(std::max<std::size_t>(count, std::size_t{taken.slots().back()} + 1));
    for (std::size_t slot = 0; slot < count; ++slot) *numbers.at<std::uint64_t>(slot) = slot;
    state.numbers.swap(numbers);
  }
  state.numbers.grow(std::max<std::size_t>(count, std::size_t{taken.slots().back()} + 1));
  std::uint64_t number = state.published.load(std::memory_order_relaxed);
  for (const Slot slot : taken.slots()) *state.numbers.at<std::uint64_t>(slot) = number++;
}

// Where a vector replaces others that are kept, at the place of its slot or of its number.
void write_rows(State& state, const Metric& metric, ScratchPool& pool, const float* vectors, const Batch& batch,
                std::size_t done, const TakenSlots& taken, std::size_t num_threads) {
  const std::span<const Slot> slots = taken.slots();
  parallel_for(slots.size(), num_threads, [&](std::size_t, std::size_t i) {
    const std::size_t row = batch.rows[done + i];
    const ScratchPool::Lease scratch = pool.lend();
    scratch->fit(0, 1, 1, metric.padded);
    metric.encode(vectors + row * metric.dimensions, scratch->query(), state.vector_row(slots[i]));
    *state.ids.at<Id>(slots[i]) = batch.ids[row];
    if (!taken.were_free()) *state.flags.at<std::uint8_t>(slots[i]) = 0;
  });
}

// One round. Returns how many rows it had.
std::size_t add_round(State& state, const Metric& metric, ScratchPool& pool, const float* vectors, const Batch& batch,
                      std::size_t done, const AddOptions& options, const AddSteps& steps) {
  const std::size_t total = batch.rows.size();
  TakenSlots taken(state, pool, total - done);
  const std::size_t rows = taken.slots().size();
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  const std::size_t count_with = std::max<std::size_t>(count, std::size_t{taken.slots().back()} + 1);
  state.grow(count_with);
  write_numbers(state, taken);
  write_rows(state, metric, pool, vectors, batch, done, taken, options.num_threads);
  RoundCodes codes(state, pool);
  if (state.config.codes != Codes::None) codes.write(metric, taken.slots(), options.num_threads);
  std::vector<Id> ids(rows);
  for (std::size_t i = 0; i < rows; ++i) ids[i] = batch.ids[batch.rows[done + i]];
  Poll poll;
  if (options.poll) poll = [&](std::size_t of_round, std::size_t) { options.poll(done + of_round, total); };
  Entry entry = state.graph.entry();
  try {
    const std::size_t doomed = batch.may_replace ? steps.doom(ids) : 0;
    steps.describe(taken.slots(), std::span(batch.rows).subspan(done, rows), ids);
    // All memory is taken before links lead to the rows: from then on nothing fails.
    Plane recent(state.vectors.row_bytes());
    const bool lets_go = lets_vectors_go(state, count_with);
    if (lets_go) copy_recent(state, count_with, state.published.load(std::memory_order_relaxed) + rows, recent);
    link_round(state, metric, pool, taken.slots(), state.census.dead.load() + doomed, options.num_threads, poll, entry);
    taken.publish(steps, entry);
    if (lets_go) state.vectors.swap(recent);
  } catch (...) {
    steps.spare(batch.may_replace ? std::span<const Id>(ids) : std::span<const Id>());
    throw;
  }
  codes.keep();
  state.unswept = std::min(state.unswept + rows, state.count.load(std::memory_order_relaxed));
  return rows;
}

}  // namespace

void add_rows(State& state, const Metric& metric, ScratchPool& pool, const float* vectors, const Batch& batch,
              const AddOptions& options, const AddSteps& steps) {
  const std::size_t total = batch.rows.size();
  const std::size_t base = state.count.load(std::memory_order_relaxed);
  const std::size_t fresh = total - std::min(total, state.repair.free.size());
  if (fresh > kMaxSlots - base) {
    throw IndexFull("the index holds " + std::to_string(base) + " rows and cannot take " + std::to_string(total) +
                    " more: an index holds at most 2^31 (split it into shards)");
  }
  state.grow(base + fresh);
  for (std::size_t done = 0; done < total;) {
    const std::size_t rows = add_round(state, metric, pool, vectors, batch, done, options, steps);
    done += rows;
    steps.after(rows);
    // On a busy machine other threads may have done all of a round.
    if (options.poll && done < total) options.poll(done, total);
  }
  free_retired_codes(state, pool);
  if (sweep_is_due(state.unswept, state.count.load(std::memory_order_relaxed))) {
    Poll poll;
    if (options.poll) poll = [&](std::size_t, std::size_t) { options.poll(total, total); };
    connect(state, metric, pool, poll);
    state.unswept = 0;
  }
}

}  // namespace nearfield
