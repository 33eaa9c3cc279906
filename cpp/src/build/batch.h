// What an add call asks for, checked and resolved before anything is stored.
#pragma once

#include <cstddef>
#include <vector>

#include "ids.h"
#include "nearfield/types.h"

namespace nearfield {

struct Batch {
  std::vector<Id> ids;            // of every row
  std::vector<std::size_t> rows;  // those to store, ascending; of equal ids only the last
  std::uint64_t next_id;          // where the next search for an automatic id begins
  std::size_t num_doomed = 0;     // rows of the index that these replace
};

// ids null: automatic ones from next_id on, skipping those in use.
Batch resolve_batch(const IdTable& table, const Id* ids, std::size_t rows, std::uint64_t next_id);

}  // namespace nearfield
