// Values of rows: written, changed, carried from a row to the one that takes its place, and read. All under the id
// lock, exclusive where columns change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "column.h"
#include "nearfield/columns.h"
#include "nearfield/types.h"

namespace nearfield {

// Values that a call gives, and the numbers of their words in the columns: each is found when the first row that has it
// is written. So a call of many rounds looks a word up once, and words are numbered in the order of rows, whatever the
// calls that brought them. For as long as no column is dropped.
struct GivenValues {
  explicit GivenValues(const std::vector<ColumnValues>* given);  // borrowed; null: none
  const std::vector<ColumnValues>& columns;
  std::vector<std::vector<std::uint32_t>> numbers;  // of the words of each; Words::kNone: not yet found
};

// Throws InvalidInput where a column has another type than one of its name, or its name cannot be one.
void check_columns(const Columns& columns, std::span<const ColumnValues> given);
// Makes the columns that are not there yet; of all rows so far they have no value.
void make_columns(Columns& columns, std::span<const ColumnValues> given);

// The values of a round before it is linked: row rows[i] of what is given goes to slots[i], where no query looks yet,
// and takes the place of the row in replaced[i], kNoSlot where it takes none. It has that row's values in columns that
// are not given. Throws bad_alloc; rows that are there keep theirs.
void write_round(Columns& columns, GivenValues& given, std::span<const Slot> slots, std::span<const std::size_t> rows,
                 std::span<const Slot> replaced);
// When it is published, or given up.
void end_round(Columns& columns);

// Row i of what is given goes to slots[i], which holds a row; kNoSlot is passed over. Columns that are not given stay.
void change_rows(Columns& columns, GivenValues& given, std::span<const Slot> slots);
// Rows that are removed: the values that a row to come has from one of them go.
void forget_rows(Columns& columns, std::span<const Slot> slots);

std::vector<ColumnInfo> infos_of(const Columns& columns);
// Values of some slots; those of kNoSlot are absent. Throws InvalidInput where there is no such column.
std::vector<ColumnRead> read_rows(const Columns& columns, std::span<const std::string> names,
                                  std::span<const Slot> slots);

void drop_column(Columns& columns, const std::string& name);  // throws InvalidInput where there is none

}  // namespace nearfield
