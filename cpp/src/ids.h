// From a user's id to its slot. The ids themselves lie in a plane, one per slot; this is the way back.
//
// While every slot's id is its own number (0, 1, 2, ... as automatic ids are), nothing is kept at all. From the
// first id that differs on, an open-addressing table of slots, at most half full: 8 to 16 bytes a row.
// Not thread-safe; the index guards it with its id lock.
#pragma once

#include <cstddef>
#include <vector>

#include "nearfield/types.h"
#include "planes/plane.h"

namespace nearfield {

class IdTable {
 public:
  explicit IdTable(const Plane& ids) : ids_(&ids) {}

  Slot find(Id id) const;  // kNoSlot when absent
  // `id` now lies at `slot`, whose place in the plane holds it already. Returns the slot it lay at before.
  Slot put(Id id, Slot slot);
  // `id` leads nowhere any more. Returns the slot it lay at, kNoSlot when absent. Once reserve_to_erase() has run it
  // takes no memory.
  Slot erase(Id id);
  void reserve_to_erase();  // may throw bad_alloc; changes nothing then
  // Make room, so that putting `rows` ids which the caller is about to store from slot `first` on cannot fail. Throws
  // bad_alloc and changes nothing then.
  void reserve(const Id* ids, std::size_t rows, std::size_t first);
  std::size_t bytes() const { return cells_.size() * sizeof(Slot); }

 private:
  std::size_t cell_of(Id id) const;  // where it is, or where it would go
  void rebuild(std::size_t cells);

  const Plane* ids_;
  std::size_t promised_ = 0;  // ids for which reserve() has made room that no memory was needed for
  std::size_t size_ = 0;      // ids in the table, or slots 0 ... size_-1 while the table is empty
  std::vector<Slot> cells_;   // a power of two, or empty while ids are slots
};

}  // namespace nearfield
