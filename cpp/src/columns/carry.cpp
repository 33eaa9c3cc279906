#include "columns/carry.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace nearfield {
namespace {

std::uint8_t widest(const ChunkList& chunks) {
  std::uint8_t width = 1;
  for (const auto& chunk : chunks) width = std::max(width, chunk ? chunk->width : width);
  return width;
}

// The values of one chunk, to the chunks of the new slots; all of these are ours, and of one width.
void carry_chunk(const ColumnChunk* from, std::size_t number, std::uint8_t width, const std::vector<Slot>& slot_of,
                 ChunkList& to) {
  const std::size_t first = number * kChunkSlots;
  const std::size_t end = std::min(kChunkSlots, slot_of.size() - std::min(first, slot_of.size()));
  for (std::size_t place = 0; place < end; ++place) {
    const Slot slot = slot_of[first + place];
    if (slot == kNoSlot) continue;
    std::shared_ptr<const ColumnChunk>& chunk = to[slot / kChunkSlots];
    const bool has = from != nullptr && has_value(*from, place);
    if (!has && chunk == nullptr) continue;
    if (chunk == nullptr) {
      auto made = std::make_shared<ColumnChunk>();
      made->width = width;
      made->values.resize(kChunkSlots * width);
      chunk = std::move(made);
    }
    auto& ours = const_cast<ColumnChunk&>(*chunk);
    const std::size_t at = slot % kChunkSlots;
    const std::uint64_t bits = has ? bits_at(*from, place) : 0;
    const std::uint64_t bit = std::uint64_t{1} << (at % 64);
    ours.present[at / 64] = has ? ours.present[at / 64] | bit : ours.present[at / 64] & ~bit;
    std::memcpy(ours.values.data() + at * width, &bits, width);
  }
}

void carry_all(const ChunkList& from, std::uint8_t width, const std::vector<Slot>& slot_of, std::size_t slots,
               ChunkList& to) {
  to.assign((slots + kChunkSlots - 1) / kChunkSlots, nullptr);
  for (std::size_t number = 0; number < from.size(); ++number) {
    carry_chunk(from[number].get(), number, width, slot_of, to);
  }
}

std::uint8_t width_in(const ChunkList& chunks) {
  for (const auto& chunk : chunks) {
    if (chunk != nullptr) return chunk->width;
  }
  return 0;
}

}  // namespace

CarriedColumns view_columns(const Columns& columns) {
  columns.begin_view();
  CarriedColumns carried;
  for (const auto& column : columns.all) {
    Column copy;
    copy.name = column->name;
    copy.type = column->type;
    carried.columns.push_back(std::move(copy));
    carried.before.push_back(column->chunks);
  }
  return carried;
}

void carry_columns(CarriedColumns& carried, const std::vector<Slot>& slot_of, std::size_t slots) {
  for (std::size_t c = 0; c < carried.columns.size(); ++c) {
    const ChunkList& before = carried.before[c];
    carry_all(before, widest(before), slot_of, slots, carried.columns[c].chunks);
  }
}

void finish_columns(CarriedColumns& carried, const std::vector<Slot>& slot_of, std::size_t slots, Columns& old,
                    Columns& fresh) {
  std::vector<std::unique_ptr<Column>> all;
  for (const auto& column : old.all) {
    auto next = std::make_unique<Column>();
    next->name = column->name;
    next->type = column->type;
    const auto known = std::find_if(carried.columns.begin(), carried.columns.end(),
                                    [&](const Column& one) { return one.name == column->name; });
    const auto c = static_cast<std::size_t>(known - carried.columns.begin());
    const std::uint8_t width = widest(column->chunks);
    const bool is_carried = known != carried.columns.end() && known->type == column->type &&
                            carried.before[c].size() <= column->chunks.size();
    if (!is_carried || std::max<std::uint8_t>(width_in(known->chunks), 1) < width) {
      carry_all(column->chunks, width, slot_of, slots, next->chunks);
    } else {
      next->chunks = std::move(known->chunks);
      const std::uint8_t ours = std::max(width_in(next->chunks), width);
      for (std::size_t number = 0; number < column->chunks.size(); ++number) {
        const bool same = number < carried.before[c].size() && carried.before[c][number] == column->chunks[number];
        if (!same) carry_chunk(column->chunks[number].get(), number, ours, slot_of, next->chunks);
      }
    }
    all.push_back(std::move(next));
  }
  for (std::size_t c = 0; c < all.size(); ++c) {
    all[c]->words = std::move(old.all[c]->words);
    all[c]->sets = std::move(old.all[c]->sets);
  }
  fresh.all = std::move(all);
  fresh.changes = old.changes + 1;
  old.all.clear();
}

}  // namespace nearfield
