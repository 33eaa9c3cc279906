// What an add call asks for, checked and resolved before anything is stored.
#pragma once

#include <cstddef>
#include <vector>

#include "ids.h"
#include "nearfield/types.h"

namespace nearfield {

struct Batch {
  std::vector<Id> ids;            // of every row
  std::vector<std::size_t> rows;  // those to store, ascending; of equal ids only one
  std::uint64_t next_id;          // where the next search for an automatic id begins
  bool may_replace = true;        // rows of the index; automatic ids never do
};

// ids null: automatic ones from next_id on, skipping those in use. Throws DuplicateId where that is asked for.
Batch resolve_batch(const IdTable& table, const Id* ids, std::size_t rows, std::uint64_t next_id,
                    OnConflict on_conflict);

}  // namespace nearfield
