// An add call, round by round: take slots, encode, link, publish.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "build/batch.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

// What an add does that changes what ids lead to: the caller does it, under its id lock.
struct AddSteps {
  // Before a round is linked: the slots that these ids lead to take no new link. Returns how many there are.
  std::function<std::size_t(std::span<const Id> ids)> doom;
  // The attributes of the round: rows[i] of the batch, to be found under ids[i], goes to slots[i].
  std::function<void(std::span<const Slot> slots, std::span<const std::size_t> rows, std::span<const Id> ids)> describe;
  // When the round will not be published: they do again.
  std::function<void(std::span<const Id> ids)> spare;
  // The rows of the round are written and linked: they become visible (ARCHITECTURE.md, "Publication").
  std::function<void(std::span<const Slot> slots, Entry entry)> publish;
  // After each round of so many rows: links are repaired, slots become free (maintain/repair.h).
  std::function<void(std::size_t rows)> after;
};

// Store batch.rows of `vectors` in free slots and behind the present ones. Throws IndexFull before anything is stored,
// or what options.poll throws; rounds that were published stay.
void add_rows(State& state, const Metric& metric, ScratchPool& pool, const float* vectors, const Batch& batch,
              const AddOptions& options, const AddSteps& steps);

}  // namespace nearfield
