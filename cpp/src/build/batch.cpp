#include "build/batch.h"

#include <numeric>
#include <string>
#include <unordered_map>

#include "nearfield/error.h"

namespace nearfield {
Batch resolve_batch(const IdTable& table, const Id* ids, std::size_t rows, std::uint64_t next_id) {
  Batch batch{std::vector<Id>(rows), std::vector<std::size_t>(rows), next_id};
  std::iota(batch.rows.begin(), batch.rows.end(), std::size_t{0});
  if (ids == nullptr) {
    for (Id& id : batch.ids) {
      while (table.find(batch.next_id) != kNoSlot || batch.next_id == kNoId) ++batch.next_id;
      id = batch.next_id++;
    }
    return batch;
  }
  std::unordered_map<Id, std::size_t> last_row;
  last_row.reserve(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    if (ids[row] == kNoId) {
      throw InvalidInput("ids holds 2^64-1 in row " + std::to_string(row) +
                         ", which marks an empty place in results and is no id (argument `ids`)");
    }
    batch.ids[row] = ids[row];
    last_row[ids[row]] = row;
  }
  if (last_row.size() < rows) {
    std::erase_if(batch.rows, [&](std::size_t row) { return last_row[ids[row]] != row; });
  }
  return batch;
}

}  // namespace nearfield
