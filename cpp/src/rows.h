// Rows by id: publish, find, hide, copy. What the facade does under its id lock, without the lock.
#pragma once

#include <cstddef>
#include <vector>

#include "ids.h"
#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

RowCounts count_rows(const State& state);

// Make slots [first, last) visible. Order: what they replace is superseded by them, the count covers them (release),
// the entry point follows (release). A query knows by its own count which of two versions it may return.
void publish_rows(State& state, IdTable& table, std::size_t first, std::size_t last, Entry entry);

// Before an add: the slots that it replaces, so that no new row links to them. Afterwards, or when it was
// interrupted: take that back from those that were not replaced.
std::size_t doom(State& state, const IdTable& table, const std::vector<Id>& ids);
void spare(State& state, const IdTable& table, const std::vector<Id>& ids);

// Enter every slot of a file that was read; superseded ones excepted.
void build_id_table(const State& state, IdTable& table);

Slot find_live(const State& state, const IdTable& table, Id id);  // kNoSlot when absent or marked
void mark(State& state, const IdTable& table, Id id);             // throws UnknownId
void unmark(State& state, const IdTable& table, Id id);           // throws UnknownId, InvalidInput
void copy_vectors(const State& state, const Metric& metric, ScratchPool& pool, const IdTable& table, const Id* ids,
                  std::size_t rows, float* out);  // throws UnknownId
std::vector<Id> list_ids(const State& state, bool with_marked);
float distance_as_stored(const State& state, const Metric& metric, ScratchPool& pool, const float* a, const float* b);

}  // namespace nearfield
