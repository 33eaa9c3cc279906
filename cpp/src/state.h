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

#include "census.h"
#include "codes/codes.h"
#include "codes/grid.h"
#include "codes/long_rows.h"
#include "codes/sketch.h"
#include "column.h"
#include "graph/graph.h"
#include "nearfield/types.h"
#include "planes/plane.h"

namespace nearfield {

class BlockGuard;  // files/block_guard.h: checks the blocks of a mapped file on first touch

// Where codes are all that an index holds, the writer alone keeps some float32 vectors, to fit the grid to: of every
// slot while there are few, then of the last 512 to 1,023 rows. Those it has not encoded for good: when data drifts,
// rows that were held at the edge of the grid show no more how far out they were.
inline constexpr std::size_t kFewSlots = 4096;
inline constexpr std::size_t kRecentRows = 1024;  // places of the vectors of the last rows: their number modulo this

// Whether vectors are kept of all of `count` slots, at the place of the slot.
constexpr bool keeps_all_vectors(Storage storage, std::size_t count) {
  return storage != Storage::CodesOnly || count < kFewSlots;
}
// Else of the rows from this number on, where `published` rows were ever added.
constexpr std::uint64_t first_recent(std::uint64_t published) {
  return (published - published % (kRecentRows / 2)) - kRecentRows / 2;
}

// The codes of all slots, on one grid, and their sketches. Rows are written by the writer: of slots that nobody reads.
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
  std::uint64_t num_fitted = 0;               // rows that had ever been added when the grid was fitted
  std::atomic<std::uint64_t> num_outside{0};  // components outside the grid (count_outside)
  LongRows long_rows;                         // where products are taken and vectors are kept
};

// A code plane that another has replaced: freed when every query that may read it has left.
struct RetiredCodes {
  std::uint64_t epoch;
  std::unique_ptr<CodePlane> plane;
};

// Slots that wait until every borrower of scratch memory began in this epoch or later.
struct Waiting {
  std::uint64_t epoch;
  std::vector<Slot> slots;
};

// Taking the links to dead slots away, and their slots back (maintain/repair.h). Of the writer alone.
struct Repair {
  std::size_t next = 0, end = 0;  // slots [next, end) are still to be looked at; equal: no repair is under way
  std::size_t num_leaving = 0;    // slots whose links this one takes away
  std::vector<Waiting> unlinked;  // ended, for queries that may see their rows
  std::vector<Waiting> freed;     // of kFree slots, for queries that may have read the flags before
  std::vector<Waiting> newborns;  // for queries that began before them
  std::vector<Slot> free;         // ready to be taken, descending
};

// Named bytes that travel with the index in its file, e.g. the keys of a StringIndex.
using Attachments = std::map<std::string, std::shared_ptr<const std::vector<std::byte>>>;

// A column of a mapped file that nobody has asked for yet: the bytes of its section.
struct UnreadColumn {
  std::unique_ptr<Plane> mapped;  // rows of one byte, not checked yet; null where it was small and has been read
  std::vector<std::byte> bytes;   // then
  std::uint64_t offset;           // in the file
  std::size_t size;
};

struct State {
  explicit State(const IndexConfig& config);
  ~State();

  const IndexConfig config;
  const std::shared_ptr<const int> identity = std::make_shared<const int>(0);  // tells it from states that are gone
  Graph graph;
  Plane vectors;  // padded_dimensions * element_bytes per slot (place_of); zeros behind the last dimension
  Plane ids;      // u64 per slot
  Plane flags;    // u8 per slot (flags.h); atomics
  // u32 per slot: one more than the slot that superseded it, 0 where nobody did; atomics. Has rows only once something
  // has died, and is looked at only where kDead is set. Not saved: 0 there, as after loading, means "for all".
  Plane replaced_by;
  // u64 per slot: how many rows had ever been added before its own. Has rows only once a free slot was taken; until
  // then the slot itself is that number. Looked at by queries where kNewborn is set.
  Plane numbers;

  // What walks compare, where config.codes says so; null until the first row. Replaced as a whole by the writer, in
  // the one order of all threads (ScratchPool, epochs).
  std::atomic<const CodePlane*> codes{nullptr};
  std::unique_ptr<CodePlane> code_plane;  // owns it
  std::vector<RetiredCodes> retired_codes;

  std::atomic<std::size_t> count{0};        // slots that exist; release after all of their rows are written
  std::atomic<std::uint64_t> published{0};  // rows ever added; release after the flags of the last ones. >= count
  Census census;                            // of the flags
  Repair repair;
  std::uint64_t next_id = 0;  // where the search for an automatic id begins
  std::size_t unswept = 0;    // rows added since the last connectivity sweep

  Attachments attachments;
  Columns columns;                           // of the rows' attributes
  std::vector<UnreadColumn> unread_columns;  // behind these, in their order; read with the id table

  std::unique_ptr<BlockGuard> guard;  // set where the planes are a mapped file, else null

  void grow(std::size_t slots);  // every plane but replaced_by, numbers and the codes
  bool has_numbers() const { return numbers.capacity() > 0; }
  std::uint64_t number_of(std::size_t slot) const { return has_numbers() ? *numbers.at<std::uint64_t>(slot) : slot; }
  // Whether its vector is kept.
  bool keeps_vector(std::size_t slot) const {
    return keeps_all_vectors(config.storage, count.load(std::memory_order_relaxed)) ||
           number_of(slot) >= first_recent(published.load(std::memory_order_relaxed));
  }
  // Of a slot whose vector is kept. Only for the writer where codes are all that the index holds.
  std::byte* vector_row(std::size_t slot) { return vectors.row(place_of(slot)); }
  const std::byte* vector_row(std::size_t slot) const { return vectors.row(place_of(slot)); }

 private:
  std::size_t place_of(std::size_t slot) const {
    return keeps_all_vectors(config.storage, count.load(std::memory_order_relaxed)) ? slot
                                                                                    : number_of(slot) % kRecentRows;
  }
};

}  // namespace nearfield
