// Rows of level 0 as they were when a save began: whoever changes one keeps the old one for it first.
//
// So a save writes the links of one instant while adds go on. A row is kept at most once, only until the save has
// written it, and no more rows than the save allows at a time: beyond that, writers wait for it to go on. Without a
// save, a change costs one load.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "nearfield/types.h"

namespace nearfield {

class KeptLinks {
 public:
  // Of one save at a time: rows of slots below `count`, of `places` words; at most `most_rows` are kept at once.
  void begin(std::size_t count, std::size_t places, std::size_t most_rows);
  void end() noexcept;  // nothing is kept any more, nobody waits

  // By a writer, before it changes the row of a slot.
  void before_change(Slot slot, const std::uint32_t* row) {
    if (is_saving_.load(std::memory_order_acquire)) keep(slot, row);
  }

  // Slots that the save under way writes; 0 without one.
  std::size_t count_saved() const;
  // By a writer that would keep more memory for the save otherwise: waits until there is none.
  void wait_for_end();

  // By the save: the row of `slot` as it was; slots ascending, each once. `row` is where it lies now.
  void take(Slot slot, const std::uint32_t* row, std::uint32_t* out);
  void pass(Slot slot);  // in its turn, a slot whose row the save does not write

 private:
  void go_on(Slot slot);  // behind a slot; under the mutex
  void keep(Slot slot, const std::uint32_t* row);

  std::atomic<bool> is_saving_{false};
  mutable std::mutex mutex_;
  std::condition_variable has_room_;
  std::uint64_t forks_ = 0;  // num_forks() of the save: in a forked child there is none
  std::size_t count_ = 0, places_ = 0, most_rows_ = 0;
  std::size_t next_ = 0;                        // slots below it are written
  std::unordered_map<Slot, std::size_t> kept_;  // the place of each kept row
  std::vector<std::uint32_t> rows_;             // places_ words each
  std::vector<std::size_t> free_;               // places that hold none
};

}  // namespace nearfield
