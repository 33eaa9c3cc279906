// What a query may return, as its caller says it; and what became of it.
#pragma once

#include <cstddef>
#include <cstdint>

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
};

struct QueryFilter {
  IdSets exclude, allow;
  Plan plan = Plan::Auto;
  bool counts = false;             // whether what is allowed is counted, though nothing else needs it
  QueryReport* reports = nullptr;  // one per query, or null
};

}  // namespace nearfield
