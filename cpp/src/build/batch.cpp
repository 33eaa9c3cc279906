#include "build/batch.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_map>

#include "nearfield/error.h"

namespace nearfield {
namespace {

[[noreturn]] void throw_duplicate(Id id, std::size_t row, bool in_index) {
  throw DuplicateId("ids holds " + std::to_string(id) + " in row " + std::to_string(row) + ", which is " +
                        (in_index ? "in the index already" : "there in a row before it as well") +
                        "; ask for on_conflict=\"update\" to replace rows, or \"keep\" to leave new ones out "
                        "(argument `ids`)",
                    id, row, in_index);
}

}  // namespace

Batch resolve_batch(const IdTable& table, const Id* ids, std::size_t rows, std::uint64_t next_id,
                    OnConflict on_conflict) {
  Batch batch{std::vector<Id>(rows), std::vector<std::size_t>(rows), next_id};
  std::iota(batch.rows.begin(), batch.rows.end(), std::size_t{0});
  if (ids == nullptr) {
    for (Id& id : batch.ids) {
      while (table.find(batch.next_id) != kNoSlot || batch.next_id == kNoId) ++batch.next_id;
      id = batch.next_id++;
    }
    batch.may_replace = false;
    return batch;
  }
  std::unordered_map<Id, std::size_t> stored;  // the row of each id that is stored
  stored.reserve(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    if (ids[row] == kNoId) {
      throw InvalidInput("ids holds 2^64-1 in row " + std::to_string(row) +
                         ", which marks an empty place in results and is no id (argument `ids`)");
    }
    batch.ids[row] = ids[row];
    const bool is_new = stored.emplace(ids[row], row).second;
    if (is_new) continue;
    if (on_conflict == OnConflict::Error) throw_duplicate(ids[row], row, false);
    if (on_conflict == OnConflict::Update) stored[ids[row]] = row;
  }
  const auto is_held = [&](std::size_t row) { return table.find(ids[row]) != kNoSlot; };
  if (on_conflict == OnConflict::Error) {
    const auto held = std::find_if(batch.rows.begin(), batch.rows.end(), is_held);
    if (held != batch.rows.end()) throw_duplicate(ids[*held], *held, true);
  }
  batch.may_replace = on_conflict == OnConflict::Update;
  if (stored.size() < rows || on_conflict == OnConflict::Keep) {
    std::erase_if(batch.rows, [&](std::size_t row) {
      return stored[ids[row]] != row || (on_conflict == OnConflict::Keep && is_held(row));
    });
  }
  return batch;
}

}  // namespace nearfield
