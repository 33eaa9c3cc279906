// Links and levels, nothing else: no vectors, no metric.
//
// Level 0:  one row of 2M link ids per slot. Unused places hold kNoSlot and stand last; a row is
//           therefore complete in itself, and its degree is where the first kNoSlot stands. Whoever makes a
//           slot writes its rows whole before anybody reads them.
// Above:    a slot of level L owns L consecutive rows of M link ids, levels 1 ... L in that order,
//           the first at upper_of[slot]. About one slot in M has any.
//
// Who writes, who reads (ARCHITECTURE.md, "Publication"): link words are written and read as relaxed
// atomics, so a reader may see a mixture of an old and a new row; every word of both is a slot or
// kNoSlot, and a reader ignores slots at or beyond the count that it read when it began.
// `entry` is stored with release after the count that covers it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "graph/kept_links.h"
#include "nearfield/types.h"
#include "planes/plane.h"

namespace nearfield {

inline constexpr int kMaxLevel = 40;  // M = 2 and 2^31 slots reach level 31; files may hold no more

// A row to which fewer links lead is easily lost: they may come from rows that are reached only by way of it.
inline constexpr std::uint32_t kFewLinks = 3;

struct Entry {
  Slot slot = kNoSlot;  // kNoSlot in an empty graph
  int level = -1;       // its level, the highest in the graph; -1 in an empty graph
};

struct Graph {
  explicit Graph(std::uint32_t max_links_above);

  const std::uint32_t M;  // places in a row above level 0
  Plane links;            // level 0: u32[2M] per slot
  Plane levels;           // u8 per slot
  // u32 per slot: how many links of level 0 lead there, but for those of leaving slots behind the repair, and of
  // unlinked ones; atomics. So whoever takes the last one away knows (build/adopt.h). Not in files: counted before an
  // index that was read is written to.
  Plane links_to;
  Plane upper_of;                          // u32 per slot: its first row in upper_links, kNoSlot on level 0
  Plane upper_links;                       // u32[M] per (slot, level >= 1)
  KeptLinks kept;                          // of level 0, for a save; whoever changes a row announces it there first
  std::atomic<std::size_t> upper_rows{0};  // rows of upper_links in use; changed by the writer alone, relaxed

  Entry entry() const;          // acquire
  void set_entry(Entry entry);  // release

  std::size_t places(int level) const { return level == 0 ? 2 * M : M; }
  int level_of(Slot slot) const { return *levels.at<std::uint8_t>(slot); }
  // The row of a slot on a level it has. places(level) words.
  std::uint32_t* row(Slot slot, int level);
  const std::uint32_t* row(Slot slot, int level) const;
  // The same, of a slot that is published, to change it.
  std::uint32_t* row_to_change(Slot slot, int level) {
    std::uint32_t* words = row(slot, level);
    if (level == 0) kept.before_change(slot, words);
    return words;
  }

  void count_link(Slot target) { __atomic_fetch_add(links_to.at<std::uint32_t>(target), 1, __ATOMIC_RELAXED); }
  // True where fewer than kFewLinks are left.
  bool discount_link(Slot target) {
    return __atomic_fetch_sub(links_to.at<std::uint32_t>(target), 1, __ATOMIC_RELAXED) <= kFewLinks;
  }

  // Make room for slots [0, slots) and give `slot` its level and, where it needs them, upper rows.
  void grow(std::size_t slots);
  void set_level(Slot slot, int level);

 private:
  std::atomic<std::uint64_t> entry_;  // level << 32 | slot; all ones in an empty graph
};

// Number of links in a row: places before the first kNoSlot.
std::size_t degree(const std::uint32_t* row, std::size_t places);

// Check the whole structure of a graph of `count` slots: every link names another slot that exists on
// that level, kNoSlot stands last, no slot is named twice, upper rows belong to one slot each, the entry
// point has the top level. No link leads to a slot that holds no row (`is_vacant`; empty: none are), and its level may
// be any. Returns an empty string, or the first fault in words. O(links).
std::string validate(const Graph& graph, std::size_t count, const std::function<bool(Slot)>& is_vacant = {});

}  // namespace nearfield
