#include "columns/filtered.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "columns/allowed.h"
#include "columns/id_cells.h"
#include "columns/kept.h"
#include "columns/plan.h"
#include "columns/program.h"
#include "columns/scan.h"
#include "files/block_guard.h"
#include "nearfield/error.h"
#include "threads.h"
#include "walk/answer.h"
#include "walk/filter.h"
#include "walk/query.h"

namespace nearfield {
namespace {

// One set of excluded ids for all queries is looked up, slot by slot, where it may be a large part of the index: its
// rows are then counted, and a bit is tested in place of an id. Else it is a set of ids, which is made in a tenth of
// the time.
constexpr std::size_t kLookedUpShare = 4;

bool is_shared(const IdSets& sets) { return sets.given && sets.offsets == nullptr; }
bool is_per_query(const IdSets& sets) { return sets.given && sets.offsets != nullptr; }

std::span<const Id> shared_set(const IdSets& sets) { return {sets.ids, sets.num_ids}; }

// Whether a query has a set of its own, and which.
bool has_set(const IdSets& sets, std::size_t query) {
  return is_per_query(sets) && (sets.absent == nullptr || sets.absent[query] == 0);
}
std::span<const Id> set_of(const IdSets& sets, std::size_t query) {
  return {sets.ids + sets.offsets[query], sets.ids + sets.offsets[query + 1]};
}

// What all queries of a call share.
struct Shared {
  ScratchPool::Lease lease;                // as long as `reading` is read
  std::optional<Reading> reading;          // the instant of the slots; none where each group has its own
  std::shared_ptr<const Passing> passing;  // null: all that is not hidden
  std::vector<std::uint64_t> cells;
  IdCells denied{};
  std::size_t num_denied = 0;  // ids of that set
};

struct Batch {
  const CurrentState& current;
  const Metric& metric;
  ScratchPool& pool;
  const WithIds& with_ids;
  const float* queries;
  std::size_t rows;
  const QueryOptions& options;
  const QueryFilter& filter;
  Id* ids;
  float* distances;
  std::uint32_t* counts;
  Shared shared;
  std::atomic<std::uint64_t> num_distances{0};
  std::atomic<std::uint64_t> num_hops{0};
};

// Rows that could be returned if nothing were filtered.
std::size_t num_returnable(const State& state, std::size_t count) {
  const std::size_t marked = state.census.marked.load(std::memory_order_relaxed);
  const std::size_t present = num_present(state, count);
  return present - std::min(marked, present);
}

// The instant at which a filter is looked at, and what passes its expression.
struct Look {
  Look(const Metric& metric, const State& state, const FilterProgram* where)
      : reading(read_state(state, metric)), where_(where) {
    if (where == nullptr) return;
    instant_ = instant_of(state);
    passing = where->kept().find(instant_);
    if (passing == nullptr) program_.emplace(where->steps(), state.columns);
  }
  // The rest, without the id lock.
  void evaluate() {
    if (!program_) return;
    Allowed all = all_returnable(reading.view);
    program_->keep_passing(all, reading);
    passing = passing_of(std::move(all), reading.view.count);
    where_->kept().put(std::move(instant_), passing);
  }

  Reading reading;
  std::shared_ptr<const Passing> passing;  // null where there is no expression

 private:
  const FilterProgram* where_;
  Instant instant_;
  std::optional<BoundProgram> program_;
};

// What passes the expression, and the sets that are given for all queries.
void compile_shared(Batch& batch) {
  const QueryFilter& filter = batch.filter;
  Shared& shared = batch.shared;
  const std::span<const Id> excluded = is_shared(filter.exclude) ? shared_set(filter.exclude) : std::span<const Id>();
  if (filter.where == nullptr && excluded.empty() && !is_shared(filter.allow)) return;
  ScratchPool::Lease lease = batch.pool.lend();  // before the state is looked at, which compaction may replace
  const std::size_t count = batch.current.load()->count.load();
  const bool excludes_many = excluded.size() >= std::max<std::size_t>(1, count / kLookedUpShare);
  if (!excludes_many && !excluded.empty()) {
    shared.denied = fill_cells(shared.cells, excluded, shared.num_denied);
  }
  const bool looks_up = is_shared(filter.allow) || excludes_many;
  if (filter.where == nullptr && !looks_up) return;
  shared.lease = std::move(lease);
  std::unique_ptr<Look> look;
  std::optional<Allowed> allowed;
  batch.with_ids([&](const State& state, const IdTable& table) {
    look = std::make_unique<Look>(batch.metric, state, filter.where);
    if (!looks_up) return;
    allowed = all_returnable(look->reading.view);
    if (is_shared(filter.allow)) keep_only(*allowed, table, shared_set(filter.allow));
    if (excludes_many) take_away(*allowed, table, excluded);
  });
  look->evaluate();
  shared.reading = look->reading;
  shared.passing = look->passing;
  if (!allowed) return;
  if (shared.passing != nullptr) keep_common(*allowed, shared.passing->allowed);
  shared.passing = passing_of(std::move(*allowed), look->reading.view.count);
}

// One query of a group, before it is asked.
struct Way {
  SlotFilter filter;
  std::span<const Id> denied, listed;  // the sets of ids that are tested one by one
  std::size_t allowed = 0;             // that may be returned; where not counted at least or at most so many, or about
  bool counted = false;                // in the view itself, so that it may be relied on
  std::optional<std::size_t> told;     // what the caller is told in place of `allowed`, where he asked
  const std::vector<Slot>* list = nullptr;  // slots to scan; null: all that the filter lets through
  std::size_t ef = 0;
  double share = 1;  // of all rows that are allowed
  Chosen chosen{Plan::None, 0};
  bool fell_back = false;
};

// The view of a group, and how many of its rows could be returned if nothing were filtered: those of that instant where
// they are to be told, else about, since others may change them meanwhile.
Reading read_for(const Batch& batch, std::size_t& rows) {
  Reading reading{};
  const auto read = [&](const State& state, const IdTable&) {
    reading = read_state(state, batch.metric);
    rows = num_returnable(state, reading.view.count);
  };
  if (batch.shared.reading) {
    reading = *batch.shared.reading;
    rows = num_returnable(*reading.state, reading.view.count);
  } else if (batch.filter.counts) {
    batch.with_ids(std::cref(read));
  } else {
    reading = read_state(*batch.current.load(), batch.metric);
    rows = num_returnable(*reading.state, reading.view.count);
  }
  return reading;
}

// The filter of one query, and how many it lets through as far as that is known without looking ids up.
Way way_of(const Batch& batch, std::size_t rows, std::size_t row, Scratch& scratch) {
  const QueryFilter& filter = batch.filter;
  const Shared& shared = batch.shared;
  Way way;
  way.allowed = shared.passing ? shared.passing->allowed.count : rows;
  way.counted = shared.passing != nullptr;
  if (shared.passing) way.filter.allowed = shared.passing->allowed.bits.data();
  if (shared.passing && shared.passing->is_listed) way.list = &shared.passing->list;
  std::size_t num_denied = shared.num_denied, num_listed = 0;
  if (shared.denied.cells != nullptr) {
    way.filter.denied_ids = shared.denied;
    way.denied = shared_set(filter.exclude);
  } else if (has_set(filter.exclude, row)) {
    way.denied = set_of(filter.exclude, row);
    if (!way.denied.empty()) way.filter.denied_ids = fill_cells(scratch.denied_cells(), way.denied, num_denied);
  }
  if (has_set(filter.allow, row)) {
    way.listed = set_of(filter.allow, row);
    way.filter.allowed_ids = fill_cells(scratch.allowed_cells(), way.listed, num_listed);
    way.allowed = std::min(way.allowed, num_listed);
    way.counted = num_listed == 0;
  } else if (num_denied > 0) {
    way.allowed -= std::min(num_denied, way.allowed);
    way.counted = false;
  }
  if (tests_ids(way.filter)) way.list = nullptr;
  return way;
}

void choose(const Batch& batch, const Reading& reading, std::size_t rows, Way& way) {
  const std::size_t k = batch.options.k, count = reading.view.count;
  way.ef = std::max<std::size_t>(1, std::min(std::max(batch.options.ef, k), count));
  if (reading.entry.slot == kNoSlot) return;
  if (!leaves_out(way.filter) && batch.filter.plan == Plan::Auto) {
    way.chosen.plan = is_scanned(*reading.state, count, way.ef) ? Plan::Exact : Plan::Walk;
    way.chosen.most_distances = ~std::uint64_t{0};
    return;
  }
  Outlook outlook{rows, way.allowed, std::min(k, way.ef), way.ef, reading.state->graph.M};
  if (!way.counted) outlook.allowed = std::max<std::size_t>(1, outlook.allowed);
  way.share = outlook.share();
  way.chosen = choose_plan(outlook, batch.filter.plan);
}

// The rows of some ids, as slots of the view, ascending; false where the view cannot tell: an id has moved to a row
// that came later, or all of them have.
bool look_up(const Batch& batch, const Reading& reading, std::span<const Id> ids, std::vector<Slot>& slots) {
  const State* state = nullptr;
  slots.resize(ids.size());
  const auto find_all = [&](const State& current, const IdTable& table) {
    state = &current;
    std::transform(ids.begin(), ids.end(), slots.begin(), [&table](Id id) { return table.find(id); });
  };
  batch.with_ids(std::cref(find_all));  // by reference: to keep it would take memory
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  if (!slots.empty() && slots.back() == kNoSlot) slots.pop_back();
  return state == reading.state &&
         std::all_of(slots.begin(), slots.end(), [&](Slot slot) { return exists(reading.view, slot); });
}

// Where few ids are allowed: which slots they are.
void list_slots(const Batch& batch, const Reading& reading, std::size_t rows, Way& way, Scratch& scratch) {
  if (way.counted || way.listed.empty() || way.chosen.plan == Plan::Sweep) return;
  std::vector<Slot>& slots = scratch.listed();
  if (!look_up(batch, reading, way.listed, slots)) return;
  std::erase_if(slots, [&](Slot slot) { return !may_return(reading.view, &way.filter, slot, scratch.walk()); });
  way.allowed = slots.size();
  way.counted = true;
  way.list = &slots;
  choose(batch, reading, rows, way);
}

// What the caller is told where all is to be counted. It decides nothing: an answer is the same if nobody asks, and
// rows may have come back since the instant of the view.
void count_allowed(const Batch& batch, const Reading& reading, std::size_t rows, Way& way, Scratch& scratch) {
  if (!batch.filter.counts || way.counted) return;
  const bool lists = !way.listed.empty();
  std::vector<Slot>& slots = scratch.listed();
  if (!look_up(batch, reading, lists ? way.listed : way.denied, slots)) return;
  SlotFilter rest = way.filter;  // what is left to test, where what is denied is counted
  if (!lists) rest.denied_ids = {};
  std::erase_if(slots, [&](Slot slot) { return !may_return(reading.view, &rest, slot, scratch.walk()); });
  const std::size_t others = batch.shared.passing ? batch.shared.passing->allowed.count : rows;
  way.told = lists ? slots.size() : others - std::min(others, slots.size());
}

// Every result once more against the filter that its query was given.
void check_answer(const Reading& reading, const Way& way, WalkResult result, std::size_t k, WalkScratch& walk) {
  for (std::size_t i = 0; i < std::min(k, result.size); ++i) {
    const Slot slot = entry_slot(result.entries[i]);
    if (passes(reading.view, way.filter, slot, walk) || walk.damaged) continue;
    throw Error("a query was about to return slot " + std::to_string(slot) +
                ", which its filter leaves out; this is an error of nearfield, and nothing was returned");
  }
}

WalkResult answer(const Batch& batch, const Reading& reading, Turn& turn, Way& way) {
  const WalkScratch& walk = turn.scratch->walk();
  switch (way.chosen.plan) {
    case Plan::None:
      return {nullptr, 0};
    case Plan::Exact:
      turn.by_codes = false;
      return scan_returnable(batch.metric, reading, turn, way.list);
    case Plan::Scan:
      return scan_returnable(batch.metric, reading, turn, way.list);
    default:
      break;
  }
  const std::size_t wanted = way.counted ? std::min(turn.asked.k, way.allowed) : turn.asked.k;
  way.fell_back = !walk.damaged && (walk.cut_short || turn.result.size < wanted);
  return way.fell_back ? scan_returnable(batch.metric, reading, turn, way.list) : turn.result;
}

void report(const Batch& batch, std::size_t row, const Turn& turn, const Way& way, const WalkScratch& before) {
  if (batch.filter.reports == nullptr) return;
  const WalkScratch& walk = turn.scratch->walk();
  batch.filter.reports[row] = {.plan = way.chosen.plan,
                               .allowed = way.told.value_or(way.allowed),
                               .counted = way.counted || way.told,
                               .fell_back = way.fell_back,
                               .ef = turn.walks ? way.ef : 0,
                               .distances = walk.num_distances - before.num_distances,
                               .again = turn.num_again,
                               .hops = walk.num_hops - before.num_hops,
                               .tested = walk.num_tested - before.num_tested,
                               .passed = walk.num_passed - before.num_passed};
}

// Rows [first, first + n), n at most kTurns, on one view of the state.
void query_together(Batch& batch, std::size_t first, std::size_t n) {
  const std::size_t k = batch.options.k;
  Turn turns[kTurns];
  Way ways[kTurns];
  WalkScratch before[kTurns];
  for (std::size_t i = 0; i < n; ++i) turns[i].scratch = batch.pool.lend();
  std::size_t returnable = 0;
  const Reading reading = read_for(batch, returnable);
  for (std::size_t i = 0; i < n; ++i) {
    Turn& turn = turns[i];
    Way& way = ways[i];
    way = way_of(batch, returnable, first + i, *turn.scratch);
    choose(batch, reading, returnable, way);
    list_slots(batch, reading, returnable, way, *turn.scratch);
    count_allowed(batch, reading, returnable, way, *turn.scratch);
    const bool filters = leaves_out(way.filter);
    turn.asked = {.vector = batch.queries + (first + i) * batch.metric.dimensions,
                  .k = std::min(k, reading.view.count),
                  .ef = way.ef,
                  .filter = filters ? &way.filter : nullptr,
                  .least = filters ? std::min(k, way.ef) : 0,
                  .share = way.share,
                  .most_distances = way.chosen.most_distances};
    turn.walks = way.chosen.plan == Plan::Sweep || way.chosen.plan == Plan::Walk;
    before[i] = turn.scratch->walk();
    if (way.chosen.plan != Plan::None) prepare(batch.metric, reading, turn);
  }
  walk_all(batch.metric, reading, turns, n);
  std::uint64_t distances = 0, hops = 0;
  for (std::size_t i = 0; i < n; ++i) {
    Turn& turn = turns[i];
    WalkScratch& walk = turn.scratch->walk();
    const std::size_t row = first + i;
    const WalkResult result = answer(batch, reading, turn, ways[i]);
    check_answer(reading, ways[i], result, k, walk);
    if (walk.damaged) reading.state->guard->throw_corrupt();
    batch.counts[row] = static_cast<std::uint32_t>(
        write_answer(batch.metric, reading, result, k, batch.ids + row * k, batch.distances + row * k));
    report(batch, row, turn, ways[i], before[i]);
    distances += walk.num_distances - before[i].num_distances;
    hops += walk.num_hops - before[i].num_hops;
  }
  batch.num_distances.fetch_add(distances, std::memory_order_relaxed);
  batch.num_hops.fetch_add(hops, std::memory_order_relaxed);
}

}  // namespace

QueryCounters query_filtered(const CurrentState& current, const Metric& metric, ScratchPool& pool,
                             const WithIds& with_ids, const float* queries, std::size_t rows,
                             const QueryOptions& options, Id* ids, float* distances, std::uint32_t* counts) {
  metric.check_finite(queries, rows, "vectors");
  Batch batch{current, metric, pool, with_ids, queries, rows, options, *options.filter, ids, distances, counts, {}};
  compile_shared(batch);
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

std::size_t count_passing(const Metric& metric, ScratchPool& pool, const WithIds& with_ids,
                          const FilterProgram& where) {
  const ScratchPool::Lease lease = pool.lend();
  std::unique_ptr<Look> look;
  with_ids([&](const State& state, const IdTable&) { look = std::make_unique<Look>(metric, state, &where); });
  look->evaluate();
  return look->passing->allowed.count;
}

}  // namespace nearfield
