// All that an index consists of, without behaviour: what a writer writes and a reader fills.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codes/codes.h"
#include "codes/grid.h"
#include "codes/long_rows.h"
#include "codes/sketch.h"
#include "graph/graph.h"
#include "nearfield/types.h"
#include "planes/plane.h"

namespace nearfield {

class BlockGuard;  // files/block_guard.h: checks the blocks of a mapped file on first touch

// Bits of a slot's flags.
inline constexpr std::uint8_t kMarked = 1;      // hidden by mark_deleted; the id still resolves
inline constexpr std::uint8_t kSuperseded = 2;  // overwritten by a later slot of the same id
inline constexpr std::uint8_t kDoomed = 4;      // about to be: still found, but no new link goes there. Never saved
inline constexpr std::uint8_t kHidden = kMarked | kSuperseded;  // never in a result

// Where codes are all that an index holds, the writer alone keeps some float32 vectors, to fit the grid to: of every
// slot while there are few, then of the last 512 to 1,023. Those it has not encoded for good: when data drifts, rows
// that were held at the edge of the grid show no more how far out they were.
inline constexpr std::size_t kFewSlots = 4096;
inline constexpr std::size_t kRecentSlots = 1024;  // places of the vectors of the last slots

// The first slot whose vector is kept in an index of `count` slots.
constexpr std::size_t first_vector(Storage storage, std::size_t count) {
  return storage != Storage::CodesOnly || count < kFewSlots ? 0
                                                            : (count - count % (kRecentSlots / 2)) - kRecentSlots / 2;
}
// And its place in State::vectors, for slots from that one to the end of the round that begins at `count`.
constexpr std::size_t vector_place(Storage storage, std::size_t count, std::size_t slot) {
  return storage != Storage::CodesOnly || count < kFewSlots ? slot : slot % kRecentSlots;
}

// The codes of all slots, on one grid, and their sketches. Rows are written by the writer, those below the count never
// again.
struct CodePlane {
  explicit CodePlane(Grid fitted, std::optional<Sketch> fitted_sketch = std::nullopt)
      : grid(std::move(fitted)),
        rows(code_bytes(grid.codes, grid.dimensions)),
        sketch(std::move(fitted_sketch)),
        sketches(kSketchBytes) {}
  const Grid grid;
  Plane rows;  // code_bytes(grid.codes, grid.dimensions) per slot
  const std::optional<Sketch> sketch;
  const Sketch* sketch_or_null() const { return sketch ? &*sketch : nullptr; }
  Plane sketches;                             // kSketchBytes per slot; none where there is no sketch
  std::size_t num_fitted = 0;                 // slots that existed when the grid was fitted
  std::atomic<std::uint64_t> num_outside{0};  // components outside the grid (count_outside)
  LongRows long_rows;                         // where products are taken and vectors are kept
};

// A code plane that another has replaced: freed when every query that may read it has left.
struct RetiredCodes {
  std::uint64_t epoch;
  std::unique_ptr<CodePlane> plane;
};

struct State {
  explicit State(const IndexConfig& config);
  ~State();

  const IndexConfig config;
  Graph graph;
  Plane vectors;  // padded_dimensions * element_bytes per slot (vector_place); zeros behind the last dimension
  Plane ids;      // u64 per slot
  Plane flags;    // u8 per slot: kMarked, kSuperseded, kDoomed; atomics
  // u32 per slot: the slot that superseded it; atomics. Has rows only once something was superseded, and
  // is looked at only where kSuperseded is set. Not saved: 0 there, as after loading, means "long ago".
  Plane superseded_by;

  // What walks compare, where config.codes says so; null until the first row. Replaced as a whole by the writer, in
  // the one order of all threads (ScratchPool, epochs).
  std::atomic<const CodePlane*> codes{nullptr};
  std::unique_ptr<CodePlane> code_plane;  // owns it
  std::vector<RetiredCodes> retired_codes;

  std::atomic<std::size_t> count{0};       // slots that exist; release after all of their rows are written
  std::atomic<std::size_t> num_hidden{0};  // slots with a flag of kHidden
  std::atomic<std::size_t> num_superseded{0};
  std::uint64_t next_id = 0;  // where the search for an automatic id begins
  std::size_t unswept = 0;    // rows added since the last connectivity sweep

  // Named bytes that travel with the index in its file, e.g. the keys of a StringIndex.
  std::map<std::string, std::vector<std::byte>> attachments;

  std::unique_ptr<BlockGuard> guard;  // set where the planes are a mapped file, else null

  void grow(std::size_t slots);  // every plane but superseded_by and the codes
  // Of a slot whose vector is kept (first_vector). Only for the writer where codes are all that the index holds.
  std::byte* vector_row(std::size_t slot) { return vectors.row(place_of(slot)); }
  const std::byte* vector_row(std::size_t slot) const { return vectors.row(place_of(slot)); }

 private:
  std::size_t place_of(std::size_t slot) const {
    return vector_place(config.storage, count.load(std::memory_order_relaxed), slot);
  }
};

}  // namespace nearfield
