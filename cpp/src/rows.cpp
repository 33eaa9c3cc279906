#include "rows.h"

#include <algorithm>
#include <string>

#include "files/block_guard.h"
#include "nearfield/error.h"
#include "walk/held.h"

namespace nearfield {
namespace {

std::uint8_t flags_of(const State& state, Slot slot) {
  return __atomic_load_n(state.flags.at<std::uint8_t>(slot), __ATOMIC_ACQUIRE);
}

// Flags change only under the id lock, so plain arithmetic on the counts is safe; walks read them at any time.
void set_flags(State& state, Slot slot, std::uint8_t flags) {
  const std::uint8_t before = flags_of(state, slot);
  const bool was_hidden = (before & kHidden) != 0;
  const bool is_hidden = (flags & kHidden) != 0;
  if (!was_hidden && is_hidden) state.num_hidden.fetch_add(1, std::memory_order_release);
  __atomic_store_n(state.flags.at<std::uint8_t>(slot), flags, __ATOMIC_RELEASE);
  if (was_hidden && !is_hidden) state.num_hidden.fetch_sub(1, std::memory_order_release);
}

// A mark stays, for walks to which the new slot does not exist yet.
void supersede(State& state, Slot slot, Slot by) {
  __atomic_store_n(state.superseded_by.at<Slot>(slot), by, __ATOMIC_RELAXED);
  set_flags(state, slot, static_cast<std::uint8_t>((flags_of(state, slot) & kMarked) | kSuperseded));
  state.num_superseded.fetch_add(1, std::memory_order_relaxed);
}

[[noreturn]] void throw_unknown(Id id, const char* why) { throw UnknownId("id " + std::to_string(id) + why, id); }

Slot find_or_throw(const IdTable& table, Id id) {
  const Slot slot = table.find(id);
  if (slot == kNoSlot) throw_unknown(id, " is not in the index");
  return slot;
}

bool is_live(const State& state, Slot slot) { return (flags_of(state, slot) & kHidden) == 0; }

// A row of a mapped file may be unread yet.
void check_block(const State& state, const void* row, std::size_t bytes) {
  if (state.guard && !BlockGuard::touch(state.guard.get(), row, bytes)) state.guard->throw_corrupt();
}

// Encode `vector` as it would be stored, and give what would then be held, `padded` floats: as the codes are rotated.
void round_to_codes(const Metric& metric, const Grid& grid, const float* vector, float* held) {
  std::vector<float> unit(metric.padded), rotated(metric.padded);
  std::vector<unsigned char> codes(code_bytes(grid.codes, grid.dimensions));
  metric.prepare(vector, unit.data());
  metric.encode_codes(grid, as_encoded(grid, unit.data(), metric.padded, rotated.data()), codes.data());
  decode_codes(metric, grid, codes.data(), held);
}

}  // namespace

RowCounts count_rows(const State& state) {
  RowCounts counts;
  counts.slots = state.count.load(std::memory_order_acquire);
  counts.superseded = state.num_superseded.load(std::memory_order_relaxed);
  const std::size_t hidden = state.num_hidden.load(std::memory_order_relaxed);
  counts.marked = hidden - counts.superseded;
  counts.live = counts.slots - hidden;
  return counts;
}

void publish_rows(State& state, IdTable& table, std::size_t first, std::size_t last, Entry entry) {
  for (std::size_t slot = first; slot < last; ++slot) {
    const Slot before = table.put(*state.ids.at<Id>(slot), static_cast<Slot>(slot));
    if (before != kNoSlot) supersede(state, before, static_cast<Slot>(slot));
  }
  state.count.store(last, std::memory_order_release);
  state.graph.set_entry(entry);
}

std::size_t doom(State& state, const IdTable& table, const std::vector<Id>& ids) {
  // Before the first flag: it may throw.
  const bool any = std::any_of(ids.begin(), ids.end(), [&table](Id id) { return table.find(id) != kNoSlot; });
  if (any) state.superseded_by.grow(state.count.load(std::memory_order_relaxed));
  std::size_t doomed = 0;
  for (const Id id : ids) {
    const Slot slot = table.find(id);
    if (slot == kNoSlot || (flags_of(state, slot) & kDoomed) != 0) continue;
    set_flags(state, slot, flags_of(state, slot) | kDoomed);
    ++doomed;
  }
  return doomed;
}

void spare(State& state, const IdTable& table, const std::vector<Id>& ids) {
  for (const Id id : ids) {
    const Slot slot = table.find(id);
    if (slot != kNoSlot) set_flags(state, slot, static_cast<std::uint8_t>(flags_of(state, slot) & ~kDoomed));
  }
}

void build_id_table(const State& state, IdTable& table) {
  const std::size_t count = state.count.load(std::memory_order_acquire);
  for (std::size_t slot = 0; slot < count; ++slot) {
    if (state.guard && !BlockGuard::touch(state.guard.get(), state.ids.row(slot), sizeof(Id))) {
      state.guard->throw_corrupt();
    }
    if ((flags_of(state, static_cast<Slot>(slot)) & kSuperseded) != 0) continue;
    table.put(*state.ids.at<Id>(slot), static_cast<Slot>(slot));
  }
}

Slot find_live(const State& state, const IdTable& table, Id id) {
  const Slot slot = table.find(id);
  return slot != kNoSlot && is_live(state, slot) ? slot : kNoSlot;
}

void mark(State& state, const IdTable& table, Id id) {
  const Slot slot = find_or_throw(table, id);
  if (!is_live(state, slot)) throw_unknown(id, " is deleted already");
  set_flags(state, slot, flags_of(state, slot) | kMarked);
}

void unmark(State& state, const IdTable& table, Id id) {
  const Slot slot = find_or_throw(table, id);
  if (is_live(state, slot)) {
    throw InvalidInput("id " + std::to_string(id) + " is not deleted, so it cannot be brought back");
  }
  set_flags(state, slot, static_cast<std::uint8_t>(flags_of(state, slot) & ~kMarked));
}

void copy_vectors(const State& state, const Metric& metric, ScratchPool& pool, const IdTable& table, const Id* ids,
                  std::size_t rows, float* out) {
  const ScratchPool::Lease lease = pool.lend();  // codes that are read stay
  const CodePlane* codes = state.codes.load();
  const Plane& held = metric.storage == Storage::CodesOnly && codes != nullptr ? codes->rows : state.vectors;
  std::vector<float> vector(metric.padded);
  for (std::size_t i = 0; i < rows; ++i) {
    const Slot slot = find_or_throw(table, ids[i]);
    if (!is_live(state, slot)) throw_unknown(ids[i], " is deleted");
    check_block(state, held.row(slot), held.row_bytes());
    held_vector(state, metric, codes, slot, vector.data());
    std::copy_n(vector.data(), metric.dimensions, out + i * metric.dimensions);
  }
}

std::vector<Id> list_ids(const State& state, bool with_marked) {
  const std::size_t count = state.count.load(std::memory_order_acquire);
  std::vector<Id> ids;
  ids.reserve(count);
  for (std::size_t slot = 0; slot < count; ++slot) {
    const std::uint8_t flags = flags_of(state, static_cast<Slot>(slot));
    if ((flags & kHidden) == 0 || (with_marked && (flags & kSuperseded) == 0)) ids.push_back(*state.ids.at<Id>(slot));
  }
  return ids;
}

float distance_as_stored(const State& state, const Metric& metric, ScratchPool& pool, const float* a, const float* b) {
  std::vector<float> unit(metric.padded), query(metric.padded);
  std::vector<std::byte> row_a(metric.padded * element_bytes(metric.storage)), row_b(row_a.size());
  metric.encode(a, unit.data(), row_a.data());
  metric.encode(b, unit.data(), row_b.data());
  const ScratchPool::Lease lease = pool.lend();
  const CodePlane* codes = metric.storage == Storage::CodesOnly ? state.codes.load() : nullptr;
  if (codes != nullptr) {
    round_to_codes(metric, codes->grid, a, reinterpret_cast<float*>(row_a.data()));
    round_to_codes(metric, codes->grid, b, reinterpret_cast<float*>(row_b.data()));
  }
  WalkView one;
  std::uintptr_t base = reinterpret_cast<std::uintptr_t>(row_b.data());
  one.rows = {&base, row_b.size()};
  const auto* row = reinterpret_cast<const unsigned char*>(row_a.data());
  const auto* prepared = static_cast<const float*>(metric.walks->query_of(row, row_a.size(), query.data()));
  const Slot slot = 0;
  float distance = 0;
  metric.distances(one, prepared, &slot, 1, &distance);
  return metric.space == Space::Cosine && distance < 0 ? 0.0f : distance;
}

}  // namespace nearfield
