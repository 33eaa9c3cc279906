#include "build/round.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "build/adopt.h"
#include "build/blurred.h"
#include "build/link_back.h"
#include "hash.h"
#include "threads.h"
#include "walk/beam.h"
#include "walk/query.h"

namespace nearfield {
namespace {

// What is compared: codes where there are any, or the stored vectors.
struct Compared {
  Reading before;  // the graph without the round
  Reading with;    // rows of the round included
};

// The links of one row of the round, to be offered back.
struct LinksOfRow {
  std::vector<LinkBack> by_rule;     // by Round::rule
  std::vector<LinkBack> by_vectors;  // by Round::vectors
};

struct Round {
  State& state;
  const Metric& metric;
  ScratchPool& pool;
  std::span<const Slot> slots;  // ascending
  Compared rule;                // as walks compare: codes where there are any
  Compared vectors;             // for rows that codes cannot tell apart
  Entry entry;                  // of the graph without the round
  std::size_t ef;
  std::vector<LinksOfRow> links_back{};  // per row of the round
};

// Candidates of the round itself: the rows before the `row`-th that exist on `level`, nearest kept, into the beam
// that the search of the frozen graph left.
void compare_round(const Round& round, const Reading& with, const void* query, std::size_t row, int level, Beam& beam,
                   Scratch& scratch) {
  constexpr std::size_t kBatch = 64;
  Slot slots[kBatch];
  std::uint32_t keys[kBatch];
  for (std::size_t next = 0; next < row;) {
    std::size_t n = 0;
    for (; next < row && n < kBatch; ++next) {
      if (round.state.graph.level_of(round.slots[next]) >= level) slots[n++] = round.slots[next];
    }
    with.walks->keys(with.view, query, slots, n, keys);
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t entry = make_entry(keys[i], slots[i]);
      if (entry < beam.bound()) beam.insert(entry);
    }
    scratch.walk().num_distances += n;
  }
}

// The nearest on one level of the frozen graph. Slots that are or will be dead only lead the way, unless there is
// nothing else; those whose links are being taken away never are more.
Beam take_result(const Round& round, const Reading& before, WalkJob& job) {
  if (job.result.size == 0) {
    WalkView all = before.view;
    all.hide &= kLeaving | kUnlinked;
    before.search(all, &job, 1);
  }
  for (std::size_t i = 0; i < job.result.size; ++i) job.result.entries[i] &= ~std::uint64_t{1};
  return {job.result.entries, round.ef, job.result.size};
}

// Rows of a round that are linked together: their searches take turns.
constexpr std::size_t kTurns = 4;

// A row of the round while it is linked.
struct NewRow {
  ScratchPool::Lease lease;
  std::size_t row = 0;  // of the round
  Slot slot = 0;
  const void* query = nullptr;
  Slot nearest = 0;  // where the next search begins,
  int from = 0;      // on this level
};

WalkJob job_of(const Round& round, NewRow& row, int level) {
  const Sketch* sketch = round.rule.before.sketch;
  return {.query = row.query,
          .start = row.nearest,
          .from = row.from,
          .to = level,
          .ef = round.ef,
          .sketch = sketch != nullptr ? row.lease->sketch() : nullptr,
          .sketch_factor = sketch != nullptr ? static_cast<double>(sketch->factor) : 1,
          .scratch = &row.lease->walk()};
}

// The candidates of one level once more, by the stored vectors.
Beam search_by_vectors(const Round& round, const NewRow& row, int level) {
  const Reading& before = round.vectors.before;
  Scratch& scratch = *row.lease;
  const void* query = round.vectors.with.query_of(row.slot, scratch.query());
  Beam beam{scratch.walk().beam, round.ef};
  beam.clear();
  if (level <= round.entry.level) {
    WalkJob job{.query = query,
                .start = round.entry.slot,
                .from = round.entry.level,
                .to = level,
                .ef = round.ef,
                .scratch = &scratch.walk()};
    before.search(before.view, &job, 1);
    beam = take_result(round, before, job);
  }
  compare_round(round, round.vectors.with, query, row.row, level, beam, scratch);
  return beam;
}

// Choose the links of one level among what the search has found and the rows of the round.
void choose_links(Round& round, NewRow& row, int level, Beam beam) {
  Graph& graph = round.state.graph;
  Scratch& scratch = *row.lease;
  compare_round(round, round.rule.with, row.query, row.row, level, beam, scratch);
  const bool by_vectors =
      is_blurred(round.state, round.rule.before.codes, row.query, {beam.entries, beam.entries + beam.size});
  if (by_vectors) beam = search_by_vectors(round, row, level);
  shuffle_ties(beam.entries, beam.size, row.slot);
  const Reading& with = by_vectors ? round.vectors.with : round.rule.with;
  std::vector<std::uint32_t> chosen(with.view.places0);
  std::vector<Slot> links(with.view.places0);
  const std::size_t n = with.walks->prune(with.view, beam.entries, beam.size, graph.places(level),
                                          round.metric.alpha_percent, scratch.decoded(), chosen.data());
  LinksOfRow& all = round.links_back[row.row];
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t entry = beam.entries[chosen[i]];
    links[i] = entry_slot(entry);
    (by_vectors ? all.by_vectors : all.by_rule)
        .push_back({links[i], level, (entry >> 32 << 32) | std::uint64_t{row.slot} << 1});
  }
  store_row(graph.row(row.slot, level), graph.places(level), links.data(), n);
  for (std::size_t i = 0; i < n && level == 0; ++i) graph.count_link(links[i]);
}

void link_rows(Round& round, std::size_t first, std::size_t n) {
  const Reading& before = round.rule.before;
  NewRow rows[kTurns];
  WalkJob jobs[kTurns];
  for (std::size_t i = 0; i < n; ++i) {
    NewRow& row = rows[i];
    row.lease = round.pool.lend();
    row.row = first + i;
    row.slot = round.slots[row.row];
    Scratch& scratch = *row.lease;
    scratch.fit(before.view.count, round.ef, before.view.places0, round.metric.padded);
    // The beam is pruned with `decoded` as its buffer, so the query lies in another.
    void* buffer = before.codes != nullptr ? static_cast<void*>(scratch.codes()) : scratch.query();
    row.query = round.rule.with.query_of(row.slot, buffer);
    if (before.sketch != nullptr) {
      round.metric.sketch_walks->query_of(before.view.sketches.row(row.slot), kSketchBytes, scratch.sketch());
    }
    row.nearest = round.entry.slot;
    row.from = round.entry.level;
    for (int level = round.state.graph.level_of(row.slot); level > 0; --level) {
      Beam beam{scratch.walk().beam, round.ef};
      beam.clear();
      if (level <= round.entry.level) {
        WalkJob job = job_of(round, row, level);
        before.search(before.view, &job, 1);
        beam = take_result(round, before, job);
        if (beam.size > 0) row.nearest = entry_slot(beam.entries[0]);
        row.from = level - 1;
      }
      choose_links(round, row, level, beam);
    }
    jobs[i] = job_of(round, row, 0);
  }
  const bool has_graph = round.entry.slot != kNoSlot;
  if (has_graph) before.search(before.view, jobs, n);
  for (std::size_t i = 0; i < n; ++i) {
    Beam beam{rows[i].lease->walk().beam, round.ef};
    if (has_graph) {
      beam = take_result(round, before, jobs[i]);
    } else {
      beam.clear();
    }
    choose_links(round, rows[i], 0, beam);
  }
}

// After a failure: take the links to the slots of the round out of the rows of all others.
void unlink(Graph& graph, std::size_t count, std::span<const Slot> round) {
  const auto is_in_round = [round](Slot slot) { return std::binary_search(round.begin(), round.end(), slot); };
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = static_cast<Slot>(i);
    if (is_in_round(slot)) continue;
    for (int level = 0; level <= graph.level_of(slot); ++level) {
      const std::size_t places = graph.places(level);
      const Slot* links = graph.row(slot, level);
      if (std::none_of(links, links + degree(links, places), is_in_round)) continue;
      std::uint32_t* row = graph.row_to_change(slot, level);
      std::size_t kept = 0;
      for (std::size_t place = 0; place < places && row[place] != kNoSlot; ++place) {
        const std::uint32_t target = row[place];
        if (!is_in_round(target)) __atomic_store_n(row + kept++, target, __ATOMIC_RELEASE);
      }
      for (; kept < places && row[kept] != kNoSlot; ++kept) __atomic_store_n(row + kept, kNoSlot, __ATOMIC_RELAXED);
    }
  }
}

}  // namespace

int level_of_slot(std::uint64_t seed, Slot slot, std::uint32_t M) {
  const std::uint64_t hash = mix64(seed ^ mix64(slot));
  int level = 0;
  // The hash is below 2^64 / M^l with probability M^-l; integer division, so every machine agrees.
  for (std::uint64_t threshold = ~std::uint64_t{0} / M; hash < threshold && level < kMaxLevel; threshold /= M) ++level;
  return level;
}

void link_round(State& state, const Metric& metric, ScratchPool& pool, std::span<const Slot> slots,
                std::size_t passed_through, std::size_t num_threads, const Poll& poll, Entry& entry) {
  const std::size_t upper_rows = state.graph.upper_rows;
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  const std::size_t count_with = std::max<std::size_t>(count, std::size_t{slots.back()} + 1);
  // No beam holds more than the rows there are; a file may name an ef_construction of 2^32.
  const std::size_t ef = std::min<std::size_t>(state.config.ef_construction, count_with);
  Round round{state, metric, pool, slots, {}, {}, entry, ef};
  round.links_back.resize(slots.size());
  try {
    for (const Slot slot : slots) {
      if (slot >= count) state.graph.set_level(slot, level_of_slot(state.config.seed, slot, state.config.M));
      const int level = state.graph.level_of(slot);
      if (level > entry.level) entry = {slot, level};
    }
    Reading before = read_state(state, metric);
    before.view.hide = passed_through > 0 ? kDead | kDoomed | kLeaving | kUnlinked : 0;
    Reading with = before;
    with.view.count = count_with;
    round.rule = {before, with};
    for (Reading* reading : {&before, &with}) {
      *reading = {&state, reading->entry, vectors_of(reading->view, state), metric.walks, nullptr, nullptr};
    }
    round.vectors = {before, with};
    const std::size_t rows = slots.size();
    const Poll poll_rows =
        poll ? Poll([&](std::size_t done, std::size_t) { poll(std::min(rows, done * kTurns), rows); }) : Poll();
    parallel_for((rows + kTurns - 1) / kTurns, num_threads,
                 [&round, rows](std::size_t, std::size_t group) {
                   link_rows(round, group * kTurns, std::min(kTurns, rows - group * kTurns));
                 },
                 poll_rows);
  } catch (...) {
    state.graph.upper_rows = upper_rows;
    count_links(state);
    throw;
  }
  try {
    std::vector<LinkBack> by_rule, by_vectors;
    for (const LinksOfRow& links : round.links_back) {
      by_rule.insert(by_rule.end(), links.by_rule.begin(), links.by_rule.end());
      by_vectors.insert(by_vectors.end(), links.by_vectors.begin(), links.by_vectors.end());
    }
    // Links to other dead rows stay until a repair takes them away: what is behind those may be reached by them alone.
    const std::uint8_t gone = round.rule.before.view.hide & (kLeaving | kUnlinked);
    std::vector<Slot> few = link_back(state, metric, pool, round.rule.with, gone, std::move(by_rule), num_threads);
    const std::vector<Slot> more =
        link_back(state, metric, pool, round.vectors.with, gone, std::move(by_vectors), num_threads);
    few.insert(few.end(), more.begin(), more.end());
    few.insert(few.end(), slots.begin(), slots.end());
    adopt(state, std::move(few));
  } catch (...) {
    unlink(state.graph, count, slots);
    count_links(state);
    state.unswept = count;  // rows may have lost the last link to them: the next add looks after all
    state.graph.upper_rows = upper_rows;
    throw;
  }
}

}  // namespace nearfield
