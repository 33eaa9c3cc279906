// A column as it lies in memory: chunks of slots that are never changed once somebody may look at them.
//
// Everything here is read under the id lock, shared, and changed under it, exclusive. Whoever wants to read for longer
// copies the list of chunks (ColumnView): a change after that is made to a copy of its chunk. So a save and a query see
// columns of one instant, and hold up nobody; what that costs is a copy of each chunk that changes meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nearfield/columns.h"
#include "nearfield/types.h"

namespace nearfield {

inline constexpr std::size_t kChunkSlots = 4096;
inline constexpr std::size_t kChunkWords = kChunkSlots / 64;

struct ColumnChunk {
  std::uint64_t made_at = 0;                         // Columns::num_views when it was made: may be changed until then
  std::uint8_t width = 0;                            // bytes of a value: 1, 2, 4 or 8
  std::array<std::uint64_t, kChunkWords> present{};  // a bit per slot: it has a value
  std::vector<std::byte> values;                     // kChunkSlots * width; 0 where there is none
};

// Null: no slot of the chunk has a value.
using ChunkList = std::vector<std::shared_ptr<const ColumnChunk>>;

// Words and the numbers that stand for them, in the order in which they came. Of Tags a second one, whose words are the
// sets: the numbers of their tags, ascending, 4 bytes each.
class Words {
 public:
  Words() = default;
  Words(const Words&) = delete;  // the map points into the list
  Words& operator=(const Words&) = delete;
  Words(Words&&) = default;
  Words& operator=(Words&&) = default;

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::uint32_t find(std::string_view word) const;  // kNone where it never came
  std::uint32_t put(std::string_view word);         // finds it or adds it; may throw bad_alloc, and adds nothing then
  const std::string& operator[](std::size_t number) const { return words_[number]; }
  std::size_t size() const { return words_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::deque<std::string> words_;
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::size_t bytes_ = 0;
};

struct Column {
  std::string name;
  ColumnType type = ColumnType::Int64;
  ChunkList chunks;  // slot / kChunkSlots; may be shorter than there are slots
  Words words;       // of Category and Tags
  Words sets;        // of Tags
};

// A row that is about to take the place of another, and has its values already where none were given.
struct Successor {
  Slot of, slot;
};

struct Columns {
  std::vector<std::unique_ptr<Column>> all;         // in the order in which they came
  mutable std::atomic<std::uint64_t> num_views{0};  // that were ever taken
  std::uint64_t changes = 0;                        // of values and columns, so far
  std::vector<Successor> successors;  // of the round that is being linked, ascending: who changes or removes a row
                                      // meanwhile sees to it as well
  std::vector<bool> given;            // by column: whether that round has values of its own

  // Whoever copies lists of chunks says so first: what they hold is not changed from then on.
  void begin_view() const { num_views.fetch_add(1, std::memory_order_relaxed); }
  Column* find(std::string_view name);
  const Column* find(std::string_view name) const;
};

std::size_t bytes_of(const Column& column);
std::size_t bytes_of(const Columns& columns);
const char* name_of(ColumnType type);

// The value of a slot in a chunk, as a number: Float32 and Float64 as their bits.
std::uint64_t bits_at(const ColumnChunk& chunk, std::size_t place);
bool has_value(const ColumnChunk& chunk, std::size_t place);

}  // namespace nearfield
