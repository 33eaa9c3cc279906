// All that an index consists of, without behaviour: what a writer writes and a reader fills.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codes/codes.h"
#include "graph/graph.h"
#include "nearfield/types.h"
#include "planes/plane.h"

namespace nearfield {

class BlockGuard;  // files/block_guard.h: checks the blocks of a mapped file on first touch

// Bits of a slot's flags.
inline constexpr std::uint8_t kMarked = 1;      // hidden by mark_deleted; the id still resolves
inline constexpr std::uint8_t kSuperseded = 2;  // overwritten by a later slot of the same id
inline constexpr std::uint8_t kDoomed = 4;      // about to be: still found, but no new link goes there. Never saved
inline constexpr std::uint8_t kHidden = kMarked | kSuperseded;  // never in a result

struct State {
  explicit State(const IndexConfig& config);
  ~State();

  const IndexConfig config;
  Graph graph;
  Plane vectors;  // padded_dimensions * element_bytes per slot; zeros behind the last dimension
  Plane ids;      // u64 per slot
  Plane flags;    // u8 per slot: kMarked, kSuperseded, kDoomed; atomics
  // u32 per slot: the slot that superseded it; atomics. Has rows only once something was superseded, and
  // is looked at only where kSuperseded is set. Not saved: 0 there, as after loading, means "long ago".
  Plane superseded_by;

  std::atomic<std::size_t> count{0};       // slots that exist; release after all of their rows are written
  std::atomic<std::size_t> num_hidden{0};  // slots with a flag of kHidden
  std::atomic<std::size_t> num_superseded{0};
  std::uint64_t next_id = 0;  // where the search for an automatic id begins
  std::size_t unswept = 0;    // rows added since the last connectivity sweep

  // Named bytes that travel with the index in its file, e.g. the keys of a StringIndex.
  std::map<std::string, std::vector<std::byte>> attachments;

  std::unique_ptr<BlockGuard> guard;  // set where the planes are a mapped file, else null

  void grow(std::size_t slots);  // every plane but superseded_by
};

}  // namespace nearfield
