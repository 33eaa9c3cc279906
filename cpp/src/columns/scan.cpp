#include "columns/scan.h"

#include <algorithm>

#include "columns/allowed.h"
#include "walk/beam.h"
#include "walk/hop.h"
#include "walk/log.h"

namespace nearfield {
namespace {

constexpr std::size_t kTogether = 256;  // slots that are found, then compared

// Slots from a list, or from the bits and the flags.
struct Slots {
  const std::vector<Slot>* list;
  ReturnableSlots all;
  std::size_t from = 0;
  std::size_t next(Slot* slots, std::size_t most) {
    if (list == nullptr) return all.next(slots, most);
    const std::size_t n = std::min(most, list->size() - from);
    std::copy_n(list->begin() + static_cast<std::ptrdiff_t>(from), n, slots);
    from += n;
    return n;
  }
};

}  // namespace

WalkResult scan_returnable(const Metric& metric, const Reading& reading, Turn& turn, const std::vector<Slot>* list) {
  Scratch& scratch = *turn.scratch;
  WalkScratch& walk = scratch.walk();
  const bool by_codes = turn.by_codes;
  if (!by_codes && metric.storage == Storage::CodesOnly) return scan(metric, reading, turn);
  const WalkView view = by_codes ? reading.view : vectors_of(reading.view, *reading.state);
  const Walks* walks = by_codes ? reading.walks : metric.walks;
  const void* query = by_codes ? static_cast<const void*>(scratch.codes()) : scratch.query();
  const Doubt doubt = by_codes ? doubt_of(reading, turn) : Doubt{};
  Slots slots{list, {reading.view, turn.asked.filter, walk}};
  Beam beam{walk.beam, turn.asked.k};
  beam.clear();
  walk.num_logged = 0;
  walk.undecided = false;
  std::uint64_t limit = ~std::uint64_t{0};
  Slot some[kTogether];
  std::uint32_t keys[kTogether];
  std::size_t n = 0;
  // Codes that have once left too much in doubt have been for nothing: the sooner the better.
  while (!walk.undecided && (n = slots.next(some, kTogether)) > 0) {
    for (std::size_t i = 0; i < n; ++i) {
      if (!touch(view, view.rows.row(some[i]), view.rows.stride, walk)) return {beam.entries, 0};
    }
    walks->keys(view, query, some, n, keys);
    walk.num_distances += n;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t entry = make_entry(keys[i], some[i]);
      if (entry > limit) continue;
      beam.insert(entry);
      if (!by_codes) continue;
      walk.log[walk.num_logged++] = entry;
      if (beam.full()) limit = doubtful_until(doubt, entry_key(beam.entries[doubt.k - 1]));
      bound_log(walk, limit);
    }
    if (!by_codes) limit = beam.bound();
  }
  if (!by_codes) return {beam.entries, beam.size};
  shorten_log(walk, limit);
  if (!walk.undecided) return settle(metric, reading, turn);
  turn.by_codes = false;  // more is in doubt than codes can help with
  return scan_returnable(metric, reading, turn, list);
}

}  // namespace nearfield
