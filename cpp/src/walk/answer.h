// A group of queries that take turns on one thread and one view: prepare, walk, compare again what codes leave in
// doubt, and write the answers. What to do for each of them is decided elsewhere (walk/query.cpp, columns/).
#pragma once

#include <cstddef>
#include <cstdint>

#include "nearfield/types.h"
#include "walk/metric.h"
#include "walk/reading.h"
#include "walk/scratch.h"

namespace nearfield {

inline constexpr std::size_t kTurns = 4;  // queries of a batch that take turns on one thread

// What is asked of the view by one query.
struct Asked {
  const float* vector = nullptr;                     // `dimensions` of the index, as the user gives it
  std::size_t k = 1;                                 // at most view.count
  std::size_t ef = 1;                                // of the walk, at least k
  const SlotFilter* filter = nullptr;                // null: all that is not hidden
  std::size_t least = 0;                             // WalkJob::least
  double share = 1;                                  // WalkJob::share
  std::uint64_t most_distances = ~std::uint64_t{0};  // of its walks together
};

// One query: its memory, its way, its result.
struct Turn {
  ScratchPool::Lease scratch;
  Asked asked;
  bool walks = true;        // else its result comes from elsewhere
  bool by_codes = false;    // whether codes lead the walk
  bool by_vectors = false;  // whether it walks by the vectors: instead, or after codes could not tell enough
  std::uint64_t distances_before = 0, hops_before = 0;  // counters of the memory when the query was prepared
  std::uint64_t num_again = 0;                          // rows compared again by what is held of them
  WalkResult result{};                                  // nearest first, exact distances; at most k of it are asked for
};

// The query in all the ways in which it may be compared. Decides whether codes can lead its walk.
void prepare(const Metric& metric, const Reading& reading, Turn& turn);
// Those that walk: by codes where they can lead, by the vectors where codes cannot tell enough.
void walk_all(const Metric& metric, const Reading& reading, Turn* turns, std::size_t n);
// How far codes leave it open which rows are the k nearest, for a query that they lead.
Doubt doubt_of(const Reading& reading, Turn& turn);
// What codes have left in doubt, the log of the scratch memory, by what is held of it; and the rows that are too long
// for codes.
WalkResult settle(const Metric& metric, const Reading& reading, Turn& turn);
// Exact: all that may be returned, by what is held of it.
WalkResult scan(const Metric& metric, const Reading& reading, Turn& turn);
// Results as ids and distances: `k` places, those that stay empty kNoId and infinite. Returns how many are valid.
std::size_t write_answer(const Metric& metric, const Reading& reading, WalkResult result, std::size_t k, Id* ids,
                         float* distances);

}  // namespace nearfield
