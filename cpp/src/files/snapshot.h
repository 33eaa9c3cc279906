// An index at one instant, for writing it to a file while others go on changing it.
//
// What changes in place is copied when the snapshot is taken: flags, upper links, counts, and of an index of codes
// alone the vectors that its writer keeps; together a hundredth of an index or less. Links of level 0 are kept by
// whoever changes them (graph/kept_links.h), up to a sixteenth of the index at a time. All else stays as it is as long
// as scratch memory is borrowed: slots that hold a row are not used again, codes not freed, and free slots are not
// read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "files/column_sections.h"
#include "files/flags_copy.h"
#include "state.h"

namespace nearfield {

struct Snapshot {
  // Under the write lock, and the id lock shared. The scratch memory of the caller is borrowed before and given back
  // after this has gone. Of one state one at a time.
  explicit Snapshot(State& state);
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot();

  State& state;  // for what does not change
  const FlagsCopy flags;
  const std::uint64_t published, next_id;
  const std::size_t unswept, repair_next, repair_end;
  const Entry entry;
  const std::size_t upper_rows;
  const bool has_numbers;
  const CodePlane* const codes;  // null where there are none; of it the grid, the sketch and the rows of slots
  const std::uint64_t num_fitted, num_outside;
  const std::vector<Slot> long_rows;  // ascending
  const std::vector<std::uint32_t> upper_links;
  const std::vector<std::byte> vectors;  // of CodesOnly: those of its section, as format.h has it
  const std::size_t num_vectors;         // rows of that section
  const Attachments attachments;
  const std::vector<ColumnView> columns;

  std::size_t count() const { return flags.bytes.size(); }
};

}  // namespace nearfield
