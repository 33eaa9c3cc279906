#include "walk/answer.h"

#include <algorithm>
#include <limits>

#include "files/block_guard.h"
#include "simd/keys.h"
#include "walk/beam.h"
#include "walk/filter.h"
#include "walk/held.h"

namespace nearfield {
namespace {

// The id of a result; the ids of a mapped file may be unread yet.
Id id_of(const Reading& reading, Slot slot) {
  const WalkView& view = reading.view;
  const Id* id = reading.state->ids.at<Id>(slot);
  if (view.touch != nullptr && !view.touch(view.guard, id, sizeof *id)) reading.state->guard->throw_corrupt();
  return *id;
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

// The walks of those queries that are led by codes, or of the others: these compare the stored vectors or, where there
// are codes alone, those with the query as it is.
void walk(const Metric& metric, const Reading& reading, Turn* turns, std::size_t n, bool by_codes) {
  const bool by_vectors = !by_codes && metric.storage != Storage::CodesOnly;
  const WalkView view = by_vectors ? vectors_of(reading.view, *reading.state) : reading.view;
  const Walks* others = by_vectors ? metric.walks : metric.number_walks;
  WalkJob jobs[kTurns];
  Turn* who[kTurns];
  std::size_t num_jobs = 0;
  for (std::size_t i = 0; i < n; ++i) {
    Turn& turn = turns[i];
    if (!turn.walks || !(by_codes ? turn.by_codes : turn.by_vectors)) continue;
    Scratch& scratch = *turn.scratch;
    const void* query = by_codes     ? static_cast<const void*>(scratch.codes())
                        : by_vectors ? scratch.query()
                                     : scratch.decoded();
    const std::uint64_t used = scratch.walk().num_distances - turn.distances_before;
    jobs[num_jobs] = {.query = query,
                      .start = reading.entry.slot,
                      .from = reading.entry.level,
                      .to = 0,
                      .ef = turn.asked.ef,
                      .sketch = by_codes && reading.sketch != nullptr ? scratch.sketch() : nullptr,
                      .sketch_factor = reading.sketch != nullptr ? static_cast<double>(reading.sketch->factor) : 1,
                      .doubt = by_codes ? doubt_of(reading, turn) : Doubt{},
                      .filter = turn.asked.filter,
                      .least = turn.asked.least,
                      .share = turn.asked.share,
                      .most_distances = turn.asked.most_distances - std::min(used, turn.asked.most_distances),
                      .scratch = &scratch.walk()};
    who[num_jobs++] = &turn;
  }
  if (num_jobs == 0) return;
  if (by_codes) {
    reading.search(view, jobs, num_jobs);
  } else {
    others->search(view, jobs, num_jobs);
  }
  for (std::size_t i = 0; i < num_jobs; ++i) who[i]->result = jobs[i].result;
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
WalkResult merge_long_rows(const Metric& metric, const Reading& reading, Turn& turn, WalkResult met) {
  const LongRows& long_rows = reading.codes->long_rows;
  const WalkView vectors = vectors_of(reading.view, *reading.state);
  WalkScratch& walk = turn.scratch->walk();
  Slot slots[LongRows::kMost];
  std::uint32_t keys[LongRows::kMost];
  std::uint64_t entries[LongRows::kMost];
  std::size_t n = 0;
  // A writer may append meanwhile, of rows that this view does not have yet.
  // From the end: a writer who lets one go moves the last one to an earlier place.
  for (std::size_t i = std::min(LongRows::kMost, long_rows.size()); i > 0; --i) {
    const Slot slot = long_rows[i - 1];
    if (slot >= vectors.count || !may_return(vectors, turn.asked.filter, slot, walk)) continue;
    if (!touch(vectors, vectors.rows.row(slot), vectors.rows.stride, walk)) return met;
    slots[n++] = slot;
  }
  if (n == 0) return met;
  metric.walks->keys(vectors, turn.scratch->query(), slots, n, keys);
  walk.num_distances += n;
  for (std::size_t i = 0; i < n; ++i) entries[i] = make_entry(keys[i], slots[i]);
  return merge(met, {entries, n}, turn.asked.k);
}

// Some rows by what is held of them, exactly; the nearest k of those are kept. `slots` are those of the scratch memory
// (Scratch::slots), at most its log_capacity.
WalkResult compare_exactly(const Metric& metric, const Reading& reading, Turn& turn, std::size_t n) {
  Scratch& scratch = *turn.scratch;
  const bool decoded = metric.storage == Storage::CodesOnly;
  const WalkView vectors = decoded ? reading.view : vectors_of(reading.view, *reading.state);
  if (vectors.touch != nullptr) {
    for (std::size_t i = 0; i < n; ++i) {
      const void* row = vectors.rows.row(scratch.slots()[i]);
      if (!vectors.touch(vectors.guard, row, vectors.rows.stride)) reading.state->guard->throw_corrupt();
    }
  }
  if (decoded) {
    decoded_keys(metric, reading, scratch, scratch.slots(), n, scratch.keys());
  } else {
    metric.walks->keys(vectors, scratch.query(), scratch.slots(), n, scratch.keys());
  }
  turn.num_again += n;
  Beam sorted{scratch.sorted(), turn.asked.k};
  sorted.clear();
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t entry = make_entry(scratch.keys()[i], scratch.slots()[i]);
    if (entry < sorted.bound()) sorted.insert(entry);
  }
  return {sorted.entries, sorted.size};
}

// What was logged, or found on numbers of the grid, which give no distances.
WalkResult compare_entries(const Metric& metric, const Reading& reading, Turn& turn, const std::uint64_t* entries,
                           std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) turn.scratch->slots()[i] = entry_slot(entries[i]);
  return compare_exactly(metric, reading, turn, n);
}

}  // namespace

void prepare(const Metric& metric, const Reading& reading, Turn& turn) {
  Scratch& scratch = *turn.scratch;
  scratch.fit(reading.view.count, turn.asked.ef, reading.view.places0, metric.padded);
  turn.distances_before = scratch.walk().num_distances;
  turn.hops_before = scratch.walk().num_hops;
  metric.prepare(turn.asked.vector, scratch.query());
  turn.by_codes = false;
  if (reading.codes != nullptr) {
    const Grid& grid = reading.codes->grid;
    if (reading.sketch != nullptr) {
      metric.project(reading.sketch->projection, scratch.query(), scratch.codes(), scratch.decoded());
      metric.encode_query(reading.sketch->grid, scratch.decoded(), scratch.sketch());
    }
    const float* encoded = as_encoded(grid, scratch.query(), metric.padded, scratch.decoded());
    const float held_off = metric.encode_query(grid, encoded, scratch.codes());
    turn.by_codes =
        held_off <= kMostHeldOff * static_cast<float>(metric.dimensions) && !reading.codes->long_rows.are_too_many();
    if (metric.storage == Storage::CodesOnly) {
      if (is_compared_rotated(metric, grid)) std::copy_n(encoded, metric.padded, scratch.query());
      if (!turn.by_codes) write_in_steps(grid, encoded, scratch.decoded());
    }
  }
  metric.scale_query(scratch.query());
  turn.by_vectors = !turn.by_codes;
}

// Ordinary data leaves up to 4 k rows in doubt at k = 10, 3 k at k = 100 (384-d text on 4 bits, 1,000 queries). What
// the beam has held is compared again, however many.
Doubt doubt_of(const Reading& reading, Turn& turn) {
  const Asked& asked = turn.asked;
  const Rounding rounding = rounding_of(reading.codes->grid, turn.scratch->codes());
  return {asked.k, rounding.flat, rounding.rising, std::max({std::size_t{64}, 3 * asked.k, asked.ef})};
}

WalkResult settle(const Metric& metric, const Reading& reading, Turn& turn) {
  const WalkScratch& walk = turn.scratch->walk();
  return merge_long_rows(metric, reading, turn, compare_entries(metric, reading, turn, walk.log, walk.num_logged));
}

void walk_all(const Metric& metric, const Reading& reading, Turn* turns, std::size_t n) {
  walk(metric, reading, turns, n, true);
  WalkResult met[kTurns] = {};
  for (std::size_t i = 0; i < n; ++i) {
    Turn& turn = turns[i];
    const WalkScratch& scratch = turn.scratch->walk();
    if (!turn.walks || !turn.by_codes || scratch.damaged) continue;
    met[i] = turn.result = settle(metric, reading, turn);
    turn.by_vectors = scratch.undecided && !scratch.cut_short && metric.storage != Storage::CodesOnly;
  }
  walk(metric, reading, turns, n, false);
  for (std::size_t i = 0; i < n; ++i) {
    Turn& turn = turns[i];
    const WalkScratch& scratch = turn.scratch->walk();
    if (!turn.walks || !turn.by_vectors || scratch.damaged) continue;
    if (met[i].size > 0) {
      turn.result = merge(met[i], turn.result, turn.asked.k);
    } else if (metric.storage == Storage::CodesOnly) {
      turn.result =
          compare_entries(metric, reading, turn, turn.result.entries, std::min(turn.result.size, scratch.log_capacity));
    }
  }
}

WalkResult scan(const Metric& metric, const Reading& reading, Turn& turn) {
  const Asked& asked = turn.asked;
  if (metric.storage == Storage::CodesOnly) {
    return scan_decoded(metric, reading, asked.filter, asked.k, *turn.scratch);
  }
  return metric.walks->scan(vectors_of(reading.view, *reading.state), asked.filter, turn.scratch->query(), 0,
                            reading.view.count, asked.k, turn.scratch->walk());
}

std::size_t write_answer(const Metric& metric, const Reading& reading, WalkResult result, std::size_t k, Id* ids,
                         float* distances) {
  const std::size_t found = std::min(k, result.size);
  sort_ties(*reading.state, metric.space, result.entries, found);
  for (std::size_t i = 0; i < found; ++i) {
    ids[i] = id_of(reading, entry_slot(result.entries[i]));
    distances[i] = distance_of(metric.space, result.entries[i]);
  }
  std::fill(ids + found, ids + k, kNoId);
  std::fill(distances + found, distances + k, std::numeric_limits<float>::infinity());
  return found;
}

}  // namespace nearfield
