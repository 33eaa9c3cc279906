// The plain values that cross the border of the core: numbers in, numbers out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace nearfield {

using Id = std::uint64_t;    // the user's key; every 64-bit value but kNoId is legal
using Slot = std::uint32_t;  // the internal place of a vector, dense from 0 in order of insertion

inline constexpr Id kNoId = ~Id{0};                             // fills the places of a short result
inline constexpr Slot kNoSlot = ~Slot{0};                       // "no link here", "no entry point"
inline constexpr std::size_t kMaxSlots = std::size_t{1} << 31;  // a beam entry leaves 31 bits

// Geometry. The numbers are those of Voyager's enum and of its files.
enum class Space : std::uint8_t {
  Euclidean = 0,     // squared L2
  InnerProduct = 1,  // 1 - a.b
  Cosine = 2,        // 1 - cos(a, b), never below 0; vectors are kept at unit length
};

// How exact vectors are kept. The first three numbers are those of Voyager's enum and of its files.
enum class Storage : std::uint8_t {
  Float8 = 0x10,     // signed fixed point: byte / 127, accepts [-128/127, 1]
  Float32 = 0x20,    // as given
  E4M3 = 0x30,       // 4 exponent and 3 mantissa bits, largest value 448 (codes/codes.h)
  Float16 = 0x40,    // IEEE binary16, largest value 65504
  CodesOnly = 0x50,  // nothing but codes: what they stand for is what the index holds
};

// What walks compare in place of the vectors, from which the results' distances are then taken.
enum class Codes : std::uint8_t {
  None = 0,    // the vectors themselves
  Int4 = 4,    // half a byte a dimension
  Int8 = 8,    // one byte a dimension
  Auto = 255,  // chosen by space, storage and dimensions (codes/pairs.h); no index has it
};

// What an index is made with; fixed for its life and kept in its file.
struct IndexConfig {
  Space space = Space::Euclidean;
  Storage storage = Storage::Float32;
  std::uint32_t dimensions = 0;         // of the user's vectors, 1 ... kMaxDimensions
  std::uint32_t M = 12;                 // links on upper levels, 2 ... kMaxM; 2M on level 0
  std::uint32_t ef_construction = 200;  // beam width while adding; at least M
  std::uint64_t seed = 1;               // of the levels
  Codes codes = Codes::Auto;            // beside the storage; Auto is resolved when the index is made
};

inline constexpr std::uint32_t kMaxDimensions = 1u << 20;
inline constexpr std::uint32_t kMaxCodedDimensions = 1u << 17;  // times 127^2 is below 2^31: sums of codes fit
inline constexpr std::uint32_t kMaxM = 1u << 12;

// Called between steps of long work, always on the thread that called us: (rows done, rows in all).
// To stop the work it throws; what was published before stays (see Index::add).
using Poll = std::function<void(std::size_t done, std::size_t total)>;

// What becomes of a row whose id the index holds, live or marked.
enum class OnConflict : std::uint8_t {
  Update,  // it takes the place of the one that is there; of equal ids in one call the last row is stored
  Error,   // the call is refused: DuplicateId, also where one call names an id twice
  Keep,    // it is left out; of equal ids in one call the first row is stored
};

struct ColumnValues;  // nearfield/columns.h

struct AddOptions {
  std::size_t num_threads = 0;  // 0 = all cores
  Poll poll;                    // empty = never called
  OnConflict on_conflict = OnConflict::Update;
  // Attributes of the rows, in their order; null: none. A row that takes the place of another has that one's values in
  // columns that are not given; others have none there.
  const std::vector<ColumnValues>* columns = nullptr;
};

struct QueryFilter;  // nearfield/filter.h

struct QueryOptions {
  std::size_t k = 1;            // results per query, at least 1
  std::size_t ef = 10;          // beam width; raised to k where it is smaller
  std::size_t num_threads = 0;  // 0 = all cores
  Poll poll;
  const QueryFilter* filter = nullptr;  // null: all live rows may be returned
};

// What a query cost; the sum over a batch. Equal on every machine and thread count.
struct QueryCounters {
  std::uint64_t distances = 0;  // rows compared with a query, once each: not those compared again by their vectors
  std::uint64_t hops = 0;       // link rows read on level 0
};

// Counts of the rows of an index at one instant. slots = live + marked + removed + free.
struct RowCounts {
  std::size_t slots = 0;
  std::size_t live = 0;     // can be returned by a query
  std::size_t marked = 0;   // hidden by mark_deleted, can be brought back
  std::size_t removed = 0;  // removed, or overwritten by a later add of the same id; links still lead there
  std::size_t free = 0;     // places of removed rows to which no link leads: the next rows take them
  std::uint64_t added = 0;  // rows that were ever added
};

}  // namespace nearfield
