// What a walk sees: an index as plain pointers, its scratch, and the table of what one SIMD level can do.
// Compiled once per level, so nothing here comes from the standard library but integers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "planes/rows.h"

namespace nearfield {

// An index at one instant. Slots at or beyond `count` do not exist for this walk, whatever links say:
// that one comparison is both the reader's snapshot (ARCHITECTURE.md, "Publication") and the check of every link
// of a mapped file. Slots that were free are below it; their rows exist from `published` on.
struct WalkView {
  RowsView rows;         // what is compared: codes, or padded vectors in the index's storage
  RowsView sketches;     // of the rows, where a walk is led by them (codes/sketch.h)
  RowsView links;        // u32[places0] per slot
  RowsView upper_links;  // u32[places] per upper row
  RowsView upper_of;     // u32 per slot
  RowsView flags;        // u8 per slot (flags.h)
  RowsView replaced_by;  // u32 per slot, where kDead is among its flags
  RowsView numbers;      // u64 per slot, where kNewborn is
  RowsView ids;          // u64 per slot; read by filters of ids alone
  std::size_t count = 0;
  std::size_t upper_rows = 0;   // rows of upper_links; looked at only where a guard is set
  std::uint32_t places0 = 0;    // places in a level-0 row, 2M
  std::uint32_t places = 0;     // places in a row above, M
  std::uint8_t hide = 0;        // slots with one of these flags may be hidden (is_hidden): walked through, but not
                                // found. 0: none have
  std::uint64_t published = 0;  // rows with this number or a greater one do not exist for this walk
  // Checks bytes of a mapped file before they are read for the first time; null when there is nothing
  // to check. False = damaged, the walk ends.
  bool (*touch)(const void* guard, const void* data, std::size_t bytes) = nullptr;
  const void* guard = nullptr;
};

// A set of ids: open addressing, each id at the first free cell from its own on (walk/filter.h). At least one cell is
// empty. The caller owns the cells.
struct IdCells {
  const std::uint64_t* cells = nullptr;  // 2^(64 - shift) of them; null: there is no such set
  int shift = 63;
};

// What a walk may return: slots that pass all that is given (walk/filter.h).
struct SlotFilter {
  const std::uint64_t* allowed = nullptr;  // a bit per slot of the view; null: all of them
  IdCells denied_ids{}, allowed_ids{};
};

// The neighbours of one slot that a walk has not met.
struct Hop {
  std::uint32_t* slots = nullptr;        // within WalkScratch::met, or WalkScratch::passed
  const unsigned char** rows = nullptr;  // places0 + 8: what is compared
  std::size_t n = 0;
};

// Memory of one walk, lent by the caller, reused from walk to walk. All bits of visited are 0 between walks.
struct WalkScratch {
  std::uint64_t* beam = nullptr;      // as many entries as are wanted, and kBeamMargin on both sides (beam.h)
  std::uint64_t* frontier = nullptr;  // frontier_capacity entries (frontier.h); used where slots may not be returned
  std::uint64_t* visited = nullptr;   // one bit per slot
  std::uint32_t* met = nullptr;       // the slots whose bits are set, as far as there is room (visited.h)
  Hop hops[2];                        // what is being compared, and what comes next
  std::uint32_t* keys = nullptr;      // places0 + 8
  std::uint32_t* passed = nullptr;    // places0 + 8: slots of the hop that sketches do not leave out
  std::uint64_t* picked = nullptr;    // places0 + 8: entries of the hop that are near enough
  std::uint64_t* log = nullptr;  // 1.5 log_capacity + places0 + 8 entries: what may be among the nearest, by its codes
  std::size_t log_capacity = 0;
  std::size_t num_logged = 0;
  std::size_t frontier_capacity = 0;
  std::size_t num_words = 0;  // of visited
  std::size_t met_capacity = 0;
  std::size_t num_met = 0;          // in `met`
  std::uint64_t num_distances = 0;  // counters, only ever increased
  std::uint64_t num_hops = 0;
  std::uint64_t num_tested = 0;  // slots that were near enough, and looked at whether they may be returned
  std::uint64_t num_passed = 0;  // and may
  bool undecided = false;  // more was in doubt in the last walk than codes can help with: Doubt::most, or a full log
  bool met_more = false;   // than `met` has room for: it began anew
  bool cut_short = false;  // the last walk was: by most_distances
  bool damaged = false;    // touch() refused a block; results are void
};

// What a walk returns: entries of (distance, slot), nearest first, in scratch.beam.
struct WalkResult {
  std::uint64_t* entries;
  std::size_t size;
};

// Up to which key a row may be among the k nearest, where the k-th has this key: codes round (codes/grid.h).
struct Doubt {
  std::size_t k = 0;  // 0: nothing is in doubt, and nothing is logged
  double flat = 0;    // key + flat + rising * sqrt(key)
  double rising = 0;
  std::size_t most = 0;  // rows in doubt: beyond that the walk was lost among rows that codes cannot tell apart
};

// One walk: from `start` on level `from` to the nearest neighbour until none is nearer, level by level, down to the one
// above `to` (HNSW paper, algorithm 2 with ef = 1); then the beam search of level `to` (algorithm 2).
struct WalkJob {
  const void* query = nullptr;  // as the kernel wants it
  std::uint32_t start = 0;
  int from = 0, to = 0;
  std::size_t ef = 1;                  // how many of the nearest are kept, and expanded, before the walk ends
  const void* sketch = nullptr;        // the query as sketches are compared; of search_sketched alone
  double sketch_factor = 1;            // Sketch::factor
  Doubt doubt{};                       // k at most ef
  const SlotFilter* filter = nullptr;  // what may be returned; null: all that is not hidden
  // Where a filter lets few through, the rows around hold the nearest of them as surely with fewer kept: the walk ends
  // with `least` and so much of the rest of ef as the share of those that pass: where it is or, if that is more, of all
  // rows. 0: with ef of them, always.
  std::size_t least = 0;
  double share = 1;
  std::uint64_t most_distances = ~std::uint64_t{0};  // after so many the walk ends where it is
  WalkScratch* scratch = nullptr;  // its log holds, among others, what is in doubt in the end, or undecided is set
  WalkResult result{};             // not hidden ones; hidden ones are walked through
};

// The walks of one kind of rows and one metric. A query is prepared: padded with zeros, normalised or scaled or
// encoded as the kernel wants (metric.h). Keys are unsigned numbers that sort like distances.
struct Walks {
  // Several jobs take turns, so that one works while the others wait for memory. Same results as one by one.
  void (*search)(const WalkView&, WalkJob* jobs, std::size_t n);
  // The same, led by sketches; null where there is no such walk.
  void (*search_sketched)(const WalkView&, WalkJob* jobs, std::size_t n);
  // The way down alone: where it ends.
  std::uint32_t (*descend)(const WalkView&, const void* query, std::uint32_t slot, int from, int to, WalkScratch&);
  // Exact: the `wanted` nearest of slots [first, last) that may be returned.
  WalkResult (*scan)(const WalkView&, const SlotFilter*, const void* query, std::size_t first, std::size_t last,
                     std::size_t wanted, WalkScratch&);
  // Keys of some rows, or of one.
  void (*keys)(const WalkView&, const void* query, const std::uint32_t* slots, std::size_t n, std::uint32_t* out);
  // Of n rows that lie in sequence.
  void (*keys_of_all)(const void* query, const unsigned char* rows, std::size_t n, std::size_t row_bytes,
                      std::uint32_t* out);
  // A stored row as a query; may be the row itself.
  const void* (*query_of)(const unsigned char* row, std::size_t row_bytes, void* buffer);
  // Choose at most `places` of n candidates, sorted by distance, for the links of the row that the distances are
  // from (prune.h). Returns how many; writes their positions, ascending, then those of candidates that fill free
  // places, ascending. `buffer` holds a query.
  std::size_t (*prune)(const WalkView&, const std::uint64_t* candidates, std::size_t n, std::size_t places,
                       std::uint32_t alpha_percent, void* buffer, std::uint32_t* chosen);
  // Whether a distance times alpha is less than another; alpha is left aside where it means nothing.
  bool (*clearly_nearer)(std::uint32_t key, std::uint32_t than, std::uint32_t alpha_percent);
};

inline constexpr int kNumStorages = 4;  // Float32, Float8, E4M3, Float16, in this order
inline constexpr int kNumMetrics = 2;   // squared L2, one minus dot product
inline constexpr int kNumCodes = 3;     // 8 bits differences, 8 bits products, 4 bits differences

// What a level does with floats. Levels that differ in their integers alone share one.
struct FloatTable {
  Walks walks[kNumStorages][kNumMetrics];
  // Of codes as numbers, with a query of floats: for queries that lie outside of the grid. 7 bits are whole numbers of
  // Float8, so these take its walks; the scale of their keys is no distance.
  Walks number_walks[kNumCodes];
  // Plain dot product of two padded float32 arrays, in the fixed order; for norms.
  float (*dot)(const float* a, const float* b, std::size_t dimensions);
  // Codes of a vector (codes/grid.h): round((vector - origin) * inverse_step), ties to even, held between lowest and
  // highest. A multiple of 16 dimensions. Returns the sum of squares, in steps, by which they were held off.
  float (*encode)(const float* vector, const float* origin, float inverse_step, float lowest, float highest,
                  std::size_t dimensions, unsigned char* codes);
};

struct Level {
  const char* name;
  const FloatTable* floats;
  Walks code_walks[kNumCodes];
};

}  // namespace nearfield
