// What a walk sees: an index as plain pointers, its scratch, and the table of what one SIMD level can do.
// Compiled once per level, so nothing here comes from the standard library but integers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "planes/rows.h"

namespace nearfield {

// An index at one instant. Slots at or beyond `count` do not exist for this walk, whatever links say:
// that one comparison is both the reader's snapshot (ARCHITECTURE.md, "Publication") and the check of every link
// of a mapped file.
struct WalkView {
  RowsView vectors;        // padded rows in the index's storage
  RowsView links;          // u32[places0] per slot
  RowsView upper_links;    // u32[places] per upper row
  RowsView upper_of;       // u32 per slot
  RowsView flags;          // u8 per slot
  RowsView superseded_by;  // u32 per slot, where `superseded` is among its flags
  std::size_t count = 0;
  std::size_t upper_rows = 0;   // rows of upper_links; looked at only where a guard is set
  std::size_t dimensions = 0;   // padded
  std::uint32_t places0 = 0;    // places in a level-0 row, 2M
  std::uint32_t places = 0;     // places in a row above, M
  std::uint8_t hide = 0;        // slots with one of these flags are walked through but not found; 0 = none have
  std::uint8_t superseded = 0;  // of these flags the one that holds only for a count beyond superseded_by
  // Checks bytes of a mapped file before they are read for the first time; null when there is nothing
  // to check. False = damaged, the walk ends.
  bool (*touch)(const void* guard, const void* data, std::size_t bytes) = nullptr;
  const void* guard = nullptr;
};

// Memory of one walk, lent by the caller, reused from walk to walk. All bits of visited are 0 between walks.
struct WalkScratch {
  std::uint64_t* beam = nullptr;         // beam_capacity entries (beam.h)
  std::uint64_t* found = nullptr;        // ef entries; used where view.hide
  std::uint64_t* visited = nullptr;      // one bit per slot
  std::uint32_t* touched = nullptr;      // words of visited that are not 0; as many places as words
  std::uint32_t* slots = nullptr;        // places0 + 8: the gathered neighbours of one hop
  const unsigned char** rows = nullptr;  // places0 + 8: their vectors
  float* distances = nullptr;            // places0 + 8
  std::size_t beam_capacity = 0;
  std::size_t num_touched = 0;
  std::uint64_t num_distances = 0;  // counters, only ever increased
  std::uint64_t num_hops = 0;
  bool damaged = false;  // touch() refused a block; results are void
};

// What a walk returns: entries of (distance, slot), nearest first, in scratch.beam or scratch.found.
struct WalkResult {
  std::uint64_t* entries;
  std::size_t size;
};

// How links are chosen among candidates (prune.h).
struct PruneRule {
  float
      alpha;  // at least 1: by which factor a kept neighbour must be nearer to a candidate than the row is, to prune it
  bool fill;  // free places of a link row take pruned candidates
};

// The walks of one storage and one metric. `query` is prepared: padded with zeros, normalised or scaled as
// the space and storage want (metric.h).
struct Walks {
  // From `slot` on level `from`, go to the nearest neighbour until none is nearer, level by level,
  // down to and including level `to`. Returns where it ends. (HNSW paper, algorithm 2 with ef = 1.)
  std::uint32_t (*descend)(const WalkView&, const float* query, std::uint32_t slot, int from, int to, WalkScratch&);
  // The beam search of one level from one slot (HNSW paper, algorithm 2): at most ef slots that view.hide
  // does not hide, which are walked through.
  WalkResult (*search)(const WalkView&, const float* query, std::uint32_t slot, int level, std::size_t ef,
                       WalkScratch&);
  // Exact: the ef nearest of slots [first, last), hidden ones left out.
  WalkResult (*scan)(const WalkView&, const float* query, std::size_t first, std::size_t last, std::size_t ef,
                     WalkScratch&);
  // Distances to some rows, or to one.
  void (*distances)(const WalkView&, const float* query, const std::uint32_t* slots, std::size_t n, float* out);
  // Choose at most `places` of n candidates, sorted by distance, for the links of the row that the distances are
  // from (prune.h). Returns how many; writes their positions, ascending, then those of candidates that fill free
  // places, ascending.
  std::size_t (*prune)(const WalkView&, const std::uint64_t* candidates, std::size_t n, std::size_t places,
                       PruneRule rule, float* decoded, std::uint32_t* chosen);
};

inline constexpr int kNumStorages = 3;  // Float32, Float8, E4M3, in this order
inline constexpr int kNumMetrics = 2;   // squared L2, one minus dot product

struct Level {
  const char* name;
  Walks walks[kNumStorages][kNumMetrics];
  // Plain dot product of two padded float32 arrays, in the fixed order; for norms.
  float (*dot)(const float* a, const float* b, std::size_t dimensions);
};

}  // namespace nearfield
