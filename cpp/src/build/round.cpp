#include "build/round.h"

#include <algorithm>
#include <utility>
#include <vector>

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
  std::size_t first, last;
  Compared rule;     // as walks compare: codes where there are any
  Compared vectors;  // for rows that codes cannot tell apart
  Entry entry;       // of the graph without the round
  std::size_t ef;
  std::size_t passed_through;            // slots that no new link may go to
  std::vector<LinksOfRow> links_back{};  // per row of the round
};

// Candidates of the round itself: the rows before `slot` that exist on `level`, nearest kept, into the beam
// that the search of the frozen graph left.
void compare_round(const Round& round, const Reading& with, const void* query, std::size_t slot, int level, Beam& beam,
                   Scratch& scratch) {
  constexpr std::size_t kBatch = 64;
  Slot slots[kBatch];
  std::uint32_t keys[kBatch];
  for (std::size_t next = round.first; next < slot;) {
    std::size_t n = 0;
    for (; next < slot && n < kBatch; ++next) {
      if (round.state.graph.level_of(static_cast<Slot>(next)) >= level) slots[n++] = static_cast<Slot>(next);
    }
    with.walks->keys(with.view, query, slots, n, keys);
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t entry = make_entry(keys[i], slots[i]);
      if (entry < beam.bound()) beam.insert(entry);
    }
    scratch.walk().num_distances += n;
  }
}

// The nearest on one level of the frozen graph. Slots that are or will be superseded only lead the way, unless
// there is nothing else.
Beam take_result(const Round& round, const Reading& before, WalkJob& job) {
  if (job.result.size == 0) {
    WalkView all = before.view;
    all.hide = 0;
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

// Whether codes cannot tell those apart among which the links of a row are chosen: the M-th of them differs from the
// row by no more than twice what rounding alone makes of two equal rows, or by a product from the first by no more than
// leaves both in doubt. Where codes are all there is, nothing else could be compared.
bool is_blurred(const Round& round, const NewRow& row, const Beam& beam) {
  const CodePlane* codes = round.rule.before.codes;
  const std::size_t M = round.state.config.M;
  if (codes == nullptr || round.metric.storage == Storage::CodesOnly || beam.size < M) return false;
  const double key = entry_key(beam.entries[M - 1]);
  if (round.metric.space == Space::InnerProduct) {
    const Rounding rounding = rounding_of(codes->grid, static_cast<const unsigned char*>(row.query));
    return key - entry_key(beam.entries[0]) <= rounding.flat;
  }
  const double width = codes->grid.codes == Codes::Int4 ? 8 : 1;
  return key <= 2 * (2 * width * width / 12) * static_cast<double>(codes->grid.dimensions);
}

// The candidates of one level once more, by the stored vectors.
Beam search_by_vectors(const Round& round, const NewRow& row, int level) {
  const Reading& before = round.vectors.before;
  Scratch& scratch = *row.lease;
  const void* query = round.vectors.with.query_of(row.slot, scratch.query());
  Beam beam{scratch.walk().beam, round.ef};
  beam.clear();
  if (round.first > 0 && level <= round.entry.level) {
    WalkJob job{.query = query,
                .start = round.entry.slot,
                .from = round.entry.level,
                .to = level,
                .ef = round.ef,
                .scratch = &scratch.walk()};
    before.search(before.view, &job, 1);
    beam = take_result(round, before, job);
  }
  compare_round(round, round.vectors.with, query, row.slot, level, beam, scratch);
  return beam;
}

// Choose the links of one level among what the search has found and the rows of the round.
void choose_links(Round& round, NewRow& row, int level, Beam beam) {
  Graph& graph = round.state.graph;
  Scratch& scratch = *row.lease;
  compare_round(round, round.rule.with, row.query, row.slot, level, beam, scratch);
  const bool by_vectors = is_blurred(round, row, beam);
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
}

void link_rows(Round& round, std::size_t first, std::size_t n) {
  const Reading& before = round.rule.before;
  NewRow rows[kTurns];
  WalkJob jobs[kTurns];
  for (std::size_t i = 0; i < n; ++i) {
    NewRow& row = rows[i];
    row.lease = round.pool.lend();
    row.row = first + i;
    row.slot = static_cast<Slot>(round.first + row.row);
    Scratch& scratch = *row.lease;
    scratch.fit(round.first, beam_for(round.ef, round.passed_through), round.ef, round.rule.before.view.places0,
                round.metric.padded);
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
  if (round.first > 0) before.search(before.view, jobs, n);
  for (std::size_t i = 0; i < n; ++i) {
    Beam beam{rows[i].lease->walk().beam, round.ef};
    if (round.first > 0) {
      beam = take_result(round, before, jobs[i]);
    } else {
      beam.clear();
    }
    choose_links(round, rows[i], 0, beam);
  }
}

// After a failure: take the links to slots from `first` on out of the rows of those before it.
void unlink(Graph& graph, std::size_t first) {
  for (std::size_t slot = 0; slot < first; ++slot) {
    for (int level = 0; level <= graph.level_of(static_cast<Slot>(slot)); ++level) {
      std::uint32_t* row = graph.row(static_cast<Slot>(slot), level);
      const std::size_t places = graph.places(level);
      std::size_t kept = 0;
      for (std::size_t i = 0; i < places && row[i] != kNoSlot; ++i) {
        const std::uint32_t target = row[i];
        if (target < first) __atomic_store_n(row + kept++, target, __ATOMIC_RELAXED);
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

void link_round(State& state, const Metric& metric, ScratchPool& pool, std::size_t first, std::size_t last,
                std::size_t replaced, std::size_t num_threads, const Poll& poll, Entry& entry) {
  const std::size_t upper_rows = state.graph.upper_rows;
  // No beam holds more than the rows there are; a file may name an ef_construction of 2^32.
  const std::size_t ef = std::min<std::size_t>(state.config.ef_construction, last);
  Round round{state, metric, pool, first, last, {}, {}, entry, ef, replaced};
  round.links_back.resize(last - first);
  try {
    for (std::size_t slot = first; slot < last; ++slot) {
      const int level = level_of_slot(state.config.seed, static_cast<Slot>(slot), state.config.M);
      state.graph.set_level(static_cast<Slot>(slot), level);
      if (level > entry.level) entry = {static_cast<Slot>(slot), level};
    }
    Reading before = read_state(state, metric);
    before.view.count = first;
    before.view.hide = replaced > 0 ? kSuperseded | kDoomed : 0;
    Reading with = before;
    with.view.count = last;
    round.rule = {before, with};
    for (Reading* reading : {&before, &with}) {
      *reading = {vectors_of(reading->view, state), metric.walks, nullptr, nullptr};
    }
    round.vectors = {before, with};
    const std::size_t rows = last - first;
    const Poll poll_rows =
        poll ? Poll([&](std::size_t done, std::size_t) { poll(std::min(rows, done * kTurns), rows); }) : Poll();
    parallel_for((rows + kTurns - 1) / kTurns, num_threads,
                 [&round, rows](std::size_t, std::size_t group) {
                   link_rows(round, group * kTurns, std::min(kTurns, rows - group * kTurns));
                 },
                 poll_rows);
  } catch (...) {
    state.graph.upper_rows = upper_rows;
    throw;
  }
  try {
    std::vector<LinkBack> by_rule, by_vectors;
    for (const LinksOfRow& links : round.links_back) {
      by_rule.insert(by_rule.end(), links.by_rule.begin(), links.by_rule.end());
      by_vectors.insert(by_vectors.end(), links.by_vectors.begin(), links.by_vectors.end());
    }
    const std::uint8_t hide = round.rule.before.view.hide;
    link_back(state, metric, pool, round.rule.with, hide, std::move(by_rule), num_threads);
    link_back(state, metric, pool, round.vectors.with, hide, std::move(by_vectors), num_threads);
  } catch (...) {
    unlink(state.graph, first);
    state.unswept = first;  // rows may have lost the last link to them: the next add looks after all
    state.graph.upper_rows = upper_rows;
    throw;
  }
}

}  // namespace nearfield
