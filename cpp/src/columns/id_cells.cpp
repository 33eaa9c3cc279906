#include "columns/id_cells.h"

#include <algorithm>
#include <bit>

#include "walk/filter.h"

namespace nearfield {

IdCells fill_cells(std::vector<std::uint64_t>& cells, std::span<const Id> ids, std::size_t& distinct) {
  const std::size_t size = std::bit_ceil(2 * ids.size() + 2);
  if (cells.size() < size) cells.resize(size);
  std::fill_n(cells.begin(), size, kEmptyCell);
  const IdCells set{cells.data(), 64 - std::countr_zero(size)};
  const std::size_t mask = size - 1;
  distinct = 0;
  for (const Id id : ids) {
    if (id == kNoId) continue;
    std::size_t cell = cell_of_id(id, set.shift);
    while (cells[cell] != kEmptyCell && cells[cell] != id) cell = (cell + 1) & mask;
    distinct += cells[cell] == kEmptyCell;
    cells[cell] = id;
  }
  return set;
}

}  // namespace nearfield
