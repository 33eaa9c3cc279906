// What a query may return, as its caller says it; and what became of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nearfield/types.h"

namespace nearfield {

// Sets of ids: one for all queries of a call, or one for each. Borrowed for the length of the call. Ids that the index
// does not hold are passed over, and one that stands twice counts once.
struct IdSets {
  const Id* ids = nullptr;
  std::size_t num_ids = 0;
  const std::uint64_t* offsets = nullptr;  // set of query q: ids[offsets[q]] ... ids[offsets[q + 1]] (exclusive); one
                                           // more than there are queries, ascending, the last num_ids. Null: one set
  const std::uint8_t* absent = nullptr;  // per query: not 0 where it has no set, which is not an empty one; may be null
  bool given = false;                    // false: none has
};

// One step of a filter expression, in the order in which a stack takes them: a test puts its result on the stack, `And`
// and `Or` take `operands` and put one there, `Not` takes one. A test of a row without a value fails; so `Not` of it
// holds.
struct FilterStep {
  enum class Kind : std::uint8_t {
    Never = 0,
    Ints = 1,     // the value lies in one of `ranges`: of Bool, Int8 to Int64 and Timestamp
    Floats = 2,   // the value lies in one of `float_ranges`: of Float32 and Float64; NaN in none
    Words = 3,    // the value is one of `words`: of Category
    AnyTag = 4,   // one of `words` is among the tags
    AllTags = 5,  // all of them are
    Null = 6,     // there is no value
    Ids = 7,      // the id of the row is one of `ids`
    IdRange = 8,  // or lies in one of `id_ranges`
    And = 9,
    Or = 10,
    Not = 11,
  };
  Kind kind = Kind::Never;
  std::string column;
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;  // both ends belong to it
  std::vector<std::pair<double, double>> float_ranges;
  std::vector<std::pair<Id, Id>> id_ranges;
  std::vector<std::string> words;
  std::vector<Id> ids;
  std::size_t operands = 0;
};

// A filter expression, and what it let through when it was last asked, which is kept until rows or their attributes
// change. For any number of threads; of one index at a time, since that of another takes its place.
class FilterProgram {
 public:
  explicit FilterProgram(std::vector<FilterStep> steps);
  FilterProgram(const FilterProgram&) = delete;
  FilterProgram& operator=(const FilterProgram&) = delete;
  ~FilterProgram();

  const std::vector<FilterStep>& steps() const { return steps_; }
  struct Kept;  // columns/kept.h
  Kept& kept() const { return *kept_; }

 private:
  const std::vector<FilterStep> steps_;
  std::unique_ptr<Kept> kept_;
};

// How the answer to a filtered query is found.
enum class Plan : std::uint8_t {
  Auto = 0,   // chosen by counts (columns/plan.h)
  None = 1,   // nothing may be returned
  Scan = 2,   // all that may be returned are compared
  Sweep = 3,  // a walk through everything near, which keeps what may be returned
  Exact = 4,  // as Scan, by the vectors alone
  Walk = 5,   // a walk with nothing to leave out
};

// How one query was answered. Equal on every machine and thread count.
struct QueryReport {
  Plan plan = Plan::Auto;
  std::uint64_t allowed = 0;  // rows that may be returned; at most so many where `counted` is false
  bool counted = true;
  bool fell_back = false;       // the walk was given up, or found fewer than there are: all were compared after all
  std::uint64_t ef = 0;         // beam width of the walk
  std::uint64_t distances = 0;  // rows compared, once each
  std::uint64_t again = 0;      // of them compared again by what is held of them
  std::uint64_t hops = 0;       // link rows read on level 0
  std::uint64_t tested = 0;     // rows near enough for it to matter whether they may be returned
  std::uint64_t passed = 0;     // of them those that may
  bool operator==(const QueryReport&) const = default;
};

struct QueryFilter {
  IdSets exclude, allow;
  const FilterProgram* where = nullptr;  // null: no expression
  Plan plan = Plan::Auto;
  bool counts = false;             // whether what is allowed is counted, though nothing else needs it
  QueryReport* reports = nullptr;  // one per query, or null
};

}  // namespace nearfield
