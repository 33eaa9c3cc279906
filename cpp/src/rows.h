// Rows by id: publish, find, hide, copy. What the facade does under its id lock, without the lock.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ids.h"
#include "nearfield/types.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/query.h"
#include "walk/scratch.h"

namespace nearfield {

RowCounts count_rows(const State& state);

// Make the rows of a round visible. Order: their flags say that they are newborn where they take free slots, what they
// replace is superseded by them, the count and the number of rows ever added cover them (release), the entry point
// follows (release). A query knows by its own count and number which of two versions it may return.
void publish_rows(State& state, IdTable& table, std::span<const Slot> slots, Entry entry);

// Room to say that any slot was superseded. Throws bad_alloc and changes nothing then.
void prepare_to_die(State& state);
// Before a round is linked: the slots that it replaces, so that no new row links to them. Returns how many. Afterwards,
// where it was not published: take that back.
std::size_t doom(State& state, const IdTable& table, std::span<const Id> ids);
void spare(State& state, const IdTable& table, std::span<const Id> ids);

// Rows that are gone for good, live or marked. With `all`, throws UnknownId where one is not there, and removes none;
// returns how many went. prepare_to_die() comes before.
std::size_t remove(State& state, IdTable& table, std::span<const Id> ids, bool all);

// Before a state takes the place of another: flags that rows have got since they were copied, or have had. Marks go
// with them; rows that died are dead there too, and their ids lead nowhere. `slot_of`: the new slots of the old ones.
// Changes only the new state and its table.
void carry_flags(const State& old, const std::vector<Slot>& slot_of, State& state, IdTable& table);

// Enter every slot of a file that was read that holds a row.
void build_id_table(const State& state, IdTable& table);

// Of each id its slot; of one that is not there kNoSlot, or UnknownId.
std::vector<Slot> find_all(const IdTable& table, std::span<const Id> ids);
std::vector<Slot> find_all_or_throw(const IdTable& table, std::span<const Id> ids);
// How many different slots there are, kNoSlot aside.
std::size_t count_distinct(std::span<const Slot> slots);
Slot find_live(const State& state, const IdTable& table, Id id);  // kNoSlot when absent or marked
void mark(State& state, const IdTable& table, Id id);             // throws UnknownId
void unmark(State& state, const IdTable& table, Id id);           // throws UnknownId, InvalidInput
void copy_vectors(const State& state, const Metric& metric, ScratchPool& pool, const IdTable& table, const Id* ids,
                  std::size_t rows, float* out);                 // throws UnknownId
std::vector<Id> list_ids(const State& state, bool with_marked);  // in order of insertion
float distance_as_stored(const CurrentState& current, const Metric& metric, ScratchPool& pool, const float* a,
                         const float* b);

}  // namespace nearfield
