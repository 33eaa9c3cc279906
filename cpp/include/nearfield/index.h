// The index: the only class that bindings and C++ users talk to.
//
// Thread safety: every function may run beside every other, without a lock by the caller. add, repair, compact, attach
// and the functions that write files wait for each other; queries wait for nobody. Errors are those of error.h.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nearfield/columns.h"
#include "nearfield/filter.h"
#include "nearfield/types.h"

namespace nearfield {

// Takes the bytes of a file in sequence; throws to stop.
using ByteSink = std::function<void(const std::byte* data, std::size_t bytes)>;

struct LoadOptions {
  bool map = false;     // map the file instead of reading it; blocks are checked on first touch
  bool verify = false;  // with map: check all blocks now
  // What the caller says the file holds. Needed for files that do not say it themselves (Voyager v0:
  // space, dimensions, storage; hnswlib: space); checked where the file does. Null = not said.
  const Space* space = nullptr;
  const std::uint32_t* dimensions = nullptr;
  const Storage* storage = nullptr;
};

struct LevelCount {
  std::size_t rows;    // slots that exist on this level
  double mean_degree;  // links per row
};

struct IndexStats {
  RowCounts rows;
  std::vector<LevelCount> levels;  // from level 0 up
  std::size_t unreachable;         // live and marked slots that no path of level-0 links reaches
  double norm_min, norm_max;       // Euclidean norms of the kept vectors, live rows
  std::size_t duplicates;          // live rows whose vector equals that of an earlier live row
  std::size_t vector_bytes, code_bytes, link_bytes,
      other_bytes;               // of the rows that exist, in memory or mapped, and of the id table
  std::size_t bytes_given_back;  // by compaction, since the index was made or loaded
  std::size_t unrepaired;        // removed rows to which links lead
  std::size_t slots_to_repair;   // that the repair which is under way has still to look at
  double clamped;  // share of the components that lie clearly outside the range of the codes (codes/grid.h)
};

class Index {
 public:
  explicit Index(const IndexConfig& config);  // throws InvalidInput
  Index(Index&&) noexcept;
  Index& operator=(Index&&) noexcept;
  ~Index();

  // Read a file: .nf, Voyager v0 or v1, hnswlib. Recognised by content.
  static Index load(const std::string& path, const LoadOptions& options);
  static Index load(std::span<const std::byte> bytes, const LoadOptions& options);

  const IndexConfig& config() const;
  const char* simd_level() const;
  RowCounts counts() const;

  // Add `rows` vectors of config().dimensions floats each. ids may be null: automatic ids, which are
  // never in use yet. An id that exists is overwritten (and brought back if it was marked), or as options.on_conflict
  // says. All rows are checked before the first is stored. ids_out (may be null) receives the id of each row. When poll
  // throws, rows of finished rounds stay, in batch order.
  void add(const float* vectors, std::size_t rows, const Id* ids, Id* ids_out, const AddOptions& options);

  // The k nearest live rows to each query, nearest first, at equal distance in order of insertion. Writes rows * k
  // ids and distances; counts[row] = min(k, live) of them are valid, the rest is kNoId and infinity.
  QueryCounters query(const float* queries, std::size_t rows, const QueryOptions& options, Id* ids, float* distances,
                      std::uint32_t* counts) const;

  // Live rows that a filter expression lets through now.
  std::size_t count_passing(const FilterProgram& where) const;

  bool contains(Id id) const;                                           // live
  bool holds(Id id) const;                                              // live or marked
  void get_vectors(const Id* ids, std::size_t rows, float* out) const;  // live ids; throws UnknownId
  float distance(const float* a, const float* b) const;                 // as if both were stored
  void mark_deleted(Id id);                     // throws UnknownId, also when it is marked already
  void unmark_deleted(Id id);                   // throws UnknownId; InvalidInput when it is not marked
  std::vector<Id> ids(bool with_marked) const;  // in order of insertion

  // Rows that are gone for good, live or marked: no query that begins afterwards finds one, and their places are used
  // again. With `all`, throws UnknownId and removes none where one is not there; returns how many went. O(1) a row, and
  // a slice of a repair (maintain/repair.h) where no add is under way.
  std::size_t remove(const Id* ids, std::size_t rows, bool all);
  // The rest of the repair that adds and removals do in slices: no link leads to removed rows, and their places are
  // ready for new ones as soon as the queries on their way have left. When poll throws, a later call goes on.
  void repair(std::size_t num_threads, const Poll& poll);
  // Repair, then bring the rows that are left together, in an order in which neighbours lie near, and give the memory
  // of the others back; waits for a save and for queries on their way. Takes as much memory as the index again
  // meanwhile, and little longer than a repair. When poll throws, at most the repair has been done.
  void compact(std::size_t num_threads, const Poll& poll);

  // Attributes. Values of columns that are given, for ids that are live or marked; others keep theirs. With `all`,
  // throws UnknownId and changes nothing where one is not there; returns how many rows were changed, each counted once.
  std::size_t set_columns(const Id* ids, std::size_t rows, const std::vector<ColumnValues>& columns, bool all);
  // Some columns, at one instant, of each id, in their order; with `all`, throws UnknownId where one is not there, else
  // it has no values. Throws InvalidInput where there is no such column.
  std::vector<ColumnRead> get_columns(const std::vector<std::string>& names, const Id* ids, std::size_t rows,
                                      bool all) const;
  std::vector<ColumnInfo> columns() const;    // in the order in which they came
  void drop_column(const std::string& name);  // throws InvalidInput where there is none

  IndexStats stats() const;      // reads everything once: O(links + vectors)
  std::string validate() const;  // empty, or the first structural fault in words

  // Named bytes that travel in the .nf file. Empty span = remove.
  void attach(const std::string& name, std::span<const std::byte> bytes);
  std::vector<std::byte> attachment(const std::string& name) const;  // empty when absent

  // save: to a temporary name in the same folder, synced, renamed. write: the same bytes to a sink. The file holds the
  // index at one instant between two calls; `taken` (may be empty) is called when that has passed, on this thread, and
  // from then on others may change it. At most a tenth of the index is kept besides: beyond that, writers wait.
  void save(const std::string& path, const std::function<void()>& taken = {}) const;
  void write(const ByteSink& sink, const std::function<void()>& taken = {}) const;
  // As a Voyager v1 file. Throws InvalidInput for an empty index, which Voyager cannot load.
  void save_voyager(const std::string& path) const;
  void write_voyager(const ByteSink& sink) const;

 private:
  struct Impl;
  explicit Index(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nearfield
