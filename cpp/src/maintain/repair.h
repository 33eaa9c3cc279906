// Repair: a pass over all slots that takes the links to dead rows away.
//
// A repair is for rows that are dead when it begins. It looks at one slot after the other, on every level: a row that
// links to some of them takes others in their place, among the links of the dead ones (the candidates of FreshDiskANN,
// arXiv 2105.09613, section 5.2, which chooses all links anew). What it writes depends on that row and on rows of dead
// slots alone, which nobody changes, so any number of threads write the same. New links never lead to dead rows, so
// behind the repair there are none to its own, and when it has ended their slots wait for the queries that began before
// (slots.h).
//
// A pass costs some 2 to 10 us a row, to 110 us where a third of its links are lost, and is paid for in slices, by
// every row that is added or removed. What it costs in all follows from how many rows are dead when it begins: a
// sixteenth of all.
#pragma once

#include <cstddef>

#include "maintain/slots.h"
#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

inline constexpr std::size_t kSlotsPerRow = 64;           // that are looked at for each row that is added or removed
inline constexpr std::size_t kMostSlotsAtOnce = 1 << 14;  // for all that one call removes: others wait for it

// Dead rows that no repair is under way for.
std::size_t num_dead_unrepaired(const State& state);

struct RepairWork {
  std::size_t slots = 0;        // at most so many are looked at
  std::size_t num_threads = 0;  // 0 = all cores
  // Whether it may end with a connectivity sweep, which reads every link. Else the next add makes it.
  bool may_sweep = false;
};

// A slice: begin a repair if one is due, look at some slots, end it if none are left.
void repair_some(State& state, const Metric& metric, ScratchPool& pool, const RepairWork& work,
                 const UnderIdLock& under_id_lock);

// All of it: no link leads to a row that was dead when this was called, and every row can be reached. When poll throws,
// what was done stays done, and the next slice goes on.
void repair_all(State& state, const Metric& metric, ScratchPool& pool, std::size_t num_threads, const Poll& poll,
                const UnderIdLock& under_id_lock);

}  // namespace nearfield
