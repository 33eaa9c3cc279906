#include "rows.h"

#include <algorithm>
#include <string>

#include "files/block_guard.h"
#include "nearfield/error.h"
#include "walk/held.h"

namespace nearfield {
namespace {

// A mark stays, for walks to which the new slot does not exist yet.
void supersede(State& state, Slot slot, Slot by) {
  __atomic_store_n(state.replaced_by.at<Slot>(slot), by + 1, __ATOMIC_RELAXED);
  set_flags(state, slot, static_cast<std::uint8_t>((flags_of(state, slot) & (kMarked | kNewborn)) | kDead));
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
  counts.removed = state.census.dead.load(std::memory_order_relaxed);
  counts.free = state.census.free.load(std::memory_order_relaxed);
  counts.marked = state.census.marked.load(std::memory_order_relaxed);
  counts.added = state.published.load(std::memory_order_acquire);
  counts.live = counts.slots - counts.removed - counts.free - counts.marked;
  return counts;
}

void publish_rows(State& state, IdTable& table, std::span<const Slot> slots, Entry entry) {
  const std::size_t count = state.count.load(std::memory_order_relaxed);
  for (const Slot slot : slots) {
    if (slot < count) set_flags(state, slot, kNewborn);
  }
  for (const Slot slot : slots) {
    const Slot before = table.put(*state.ids.at<Id>(slot), slot);
    if (before != kNoSlot) supersede(state, before, slot);
  }
  state.count.store(std::max<std::size_t>(count, std::size_t{slots.back()} + 1), std::memory_order_release);
  state.published.fetch_add(slots.size(), std::memory_order_release);
  state.graph.set_entry(entry);
}

void prepare_to_die(State& state) { state.replaced_by.grow(state.count.load(std::memory_order_relaxed)); }

std::size_t doom(State& state, const IdTable& table, std::span<const Id> ids) {
  // Before the first flag: it may throw.
  const bool any = std::any_of(ids.begin(), ids.end(), [&table](Id id) { return table.find(id) != kNoSlot; });
  if (any) prepare_to_die(state);
  std::size_t doomed = 0;
  for (const Id id : ids) {
    const Slot slot = table.find(id);
    if (slot == kNoSlot || (flags_of(state, slot) & kDoomed) != 0) continue;
    set_flags(state, slot, flags_of(state, slot) | kDoomed);
    ++doomed;
  }
  return doomed;
}

void spare(State& state, const IdTable& table, std::span<const Id> ids) {
  for (const Id id : ids) {
    const Slot slot = table.find(id);
    if (slot != kNoSlot) set_flags(state, slot, static_cast<std::uint8_t>(flags_of(state, slot) & ~kDoomed));
  }
}

std::size_t remove(State& state, IdTable& table, std::span<const Id> ids, bool all) {
  if (all) {
    for (const Id id : ids) find_or_throw(table, id);
  }
  std::size_t removed = 0;
  for (const Id id : ids) {
    const Slot slot = table.erase(id);
    if (slot == kNoSlot) continue;  // also the second time that one call names it
    __atomic_store_n(state.replaced_by.at<Slot>(slot), Slot{0}, __ATOMIC_RELAXED);
    set_flags(state, slot, static_cast<std::uint8_t>((flags_of(state, slot) & kMarked) | kDead));
    ++removed;
  }
  return removed;
}

void carry_flags(const State& old, const std::vector<Slot>& slot_of, State& state, IdTable& table) {
  for (std::size_t i = 0; i < slot_of.size(); ++i) {
    const Slot slot = slot_of[i];
    if (slot == kNoSlot) continue;
    const std::uint8_t flags = flags_of(old, static_cast<Slot>(i)) & (kMarked | kDead);
    if ((flags & kDead) != 0) {
      prepare_to_die(state);
      table.erase(*state.ids.at<Id>(slot));
    }
    if (flags != 0) set_flags(state, slot, flags);
  }
}

void build_id_table(const State& state, IdTable& table) {
  const std::size_t count = state.count.load(std::memory_order_acquire);
  for (std::size_t slot = 0; slot < count; ++slot) {
    if (state.guard && !BlockGuard::touch(state.guard.get(), state.ids.row(slot), sizeof(Id))) {
      state.guard->throw_corrupt();
    }
    if ((flags_of(state, static_cast<Slot>(slot)) & (kDead | kFree)) != 0) continue;
    const bool is_twice = table.put(*state.ids.at<Id>(slot), static_cast<Slot>(slot)) != kNoSlot;
    if (is_twice && state.guard) state.guard->verify_all();  // a hostile file: says which row, as reading it whole does
  }
}

std::vector<Slot> find_all(const IdTable& table, std::span<const Id> ids) {
  std::vector<Slot> slots(ids.size());
  std::transform(ids.begin(), ids.end(), slots.begin(), [&table](Id id) { return table.find(id); });
  return slots;
}

std::vector<Slot> find_all_or_throw(const IdTable& table, std::span<const Id> ids) {
  std::vector<Slot> slots(ids.size());
  std::transform(ids.begin(), ids.end(), slots.begin(), [&table](Id id) { return find_or_throw(table, id); });
  return slots;
}

std::size_t count_distinct(std::span<const Slot> slots) {
  std::size_t distinct = 0;
  std::vector<bool> is_counted;
  for (const Slot slot : slots) {
    if (slot == kNoSlot) continue;
    if (is_counted.size() <= slot) is_counted.resize(std::size_t{slot} + 1);
    distinct += is_counted[slot] ? 0 : 1;
    is_counted[slot] = true;
  }
  return distinct;
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
  const std::uint8_t without = with_marked ? kDead | kFree : kHidden;
  std::vector<Slot> slots;
  slots.reserve(count);
  for (std::size_t slot = 0; slot < count; ++slot) {
    if ((flags_of(state, static_cast<Slot>(slot)) & without) == 0) slots.push_back(static_cast<Slot>(slot));
  }
  if (state.has_numbers()) {
    std::sort(slots.begin(), slots.end(), [&](Slot a, Slot b) { return state.number_of(a) < state.number_of(b); });
  }
  std::vector<Id> ids;
  ids.reserve(slots.size());
  for (const Slot slot : slots) ids.push_back(*state.ids.at<Id>(slot));
  return ids;
}

float distance_as_stored(const CurrentState& current, const Metric& metric, ScratchPool& pool, const float* a,
                         const float* b) {
  std::vector<float> unit(metric.padded), query(metric.padded);
  std::vector<std::byte> row_a(metric.padded * element_bytes(metric.storage)), row_b(row_a.size());
  metric.encode(a, unit.data(), row_a.data());
  metric.encode(b, unit.data(), row_b.data());
  const ScratchPool::Lease lease = pool.lend();
  const CodePlane* codes = metric.storage == Storage::CodesOnly ? current.load()->codes.load() : nullptr;
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
