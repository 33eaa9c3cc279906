#include "columns/write.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "nearfield/error.h"

namespace nearfield {
namespace {

constexpr std::size_t kMostNameBytes = 255;
const std::vector<ColumnValues> kNoColumns;

// The narrowest number that holds so many different ones.
std::uint8_t width_for(std::size_t numbers) { return numbers <= 256 ? 1 : numbers <= 65536 ? 2 : 4; }

bool has_words(ColumnType type) { return type == ColumnType::Category || type == ColumnType::Tags; }

std::uint8_t width_of(const Column& column) {
  if (column.type == ColumnType::Category) return width_for(column.words.size());
  if (column.type == ColumnType::Tags) return width_for(column.sets.size());
  return static_cast<std::uint8_t>(value_bytes(column.type));
}

std::shared_ptr<ColumnChunk> copy_wider(const ColumnChunk* from, std::uint8_t width, std::uint64_t made_at) {
  auto chunk = std::make_shared<ColumnChunk>();
  chunk->made_at = made_at;
  chunk->width = width;
  chunk->values.resize(kChunkSlots * width);
  if (from == nullptr) return chunk;
  chunk->present = from->present;
  if (from->width == width) {
    chunk->values = from->values;
    return chunk;
  }
  for (std::size_t place = 0; place < kChunkSlots; ++place) {
    std::memcpy(chunk->values.data() + place * width, from->values.data() + place * from->width, from->width);
  }
  return chunk;
}

// The chunk of a slot, to be changed: nobody else looks at it.
ColumnChunk& writable(const Columns& columns, Column& column, Slot slot, std::uint8_t width) {
  const std::size_t number = slot / kChunkSlots;
  if (column.chunks.size() <= number) column.chunks.resize(number + 1);
  std::shared_ptr<const ColumnChunk>& chunk = column.chunks[number];
  const std::uint64_t views = columns.num_views.load(std::memory_order_relaxed);
  if (chunk == nullptr || chunk->made_at < views || chunk->width < width) {
    chunk = copy_wider(chunk.get(), std::max(width, chunk ? chunk->width : width), views);
  }
  return const_cast<ColumnChunk&>(*chunk);  // made by us, and not const then
}

void set_value(ColumnChunk& chunk, Slot slot, std::uint64_t bits) {
  const std::size_t place = slot % kChunkSlots;
  chunk.present[place / 64] |= std::uint64_t{1} << (place % 64);
  std::memcpy(chunk.values.data() + place * chunk.width, &bits, chunk.width);
}

void clear_value(ColumnChunk& chunk, Slot slot) {
  const std::size_t place = slot % kChunkSlots;
  chunk.present[place / 64] &= ~(std::uint64_t{1} << (place % 64));
  std::memset(chunk.values.data() + place * chunk.width, 0, chunk.width);
}

const ColumnChunk* chunk_of(const Column& column, Slot slot) {
  const std::size_t number = slot / kChunkSlots;
  return number < column.chunks.size() ? column.chunks[number].get() : nullptr;
}

void clear_row(Columns& columns, Column& column, Slot slot) {
  const ColumnChunk* chunk = chunk_of(column, slot);
  if (chunk != nullptr && has_value(*chunk, slot % kChunkSlots)) {
    clear_value(writable(columns, column, slot, chunk->width), slot);
  }
}

void copy_row(Columns& columns, Column& column, Slot from, Slot to) {
  const ColumnChunk* chunk = chunk_of(column, from);
  if (chunk == nullptr || !has_value(*chunk, from % kChunkSlots)) return clear_row(columns, column, to);
  const std::uint64_t bits = bits_at(*chunk, from % kChunkSlots);
  set_value(writable(columns, column, to, chunk->width), to, bits);
}

// Values of one column as they are kept: words and sets of words as its numbers.
class Source {
 public:
  Source(Column& column, GivenValues& given, std::size_t place)
      : column_(column), given_(given.columns[place]), numbers_(given.numbers[place]) {}

  bool has(std::size_t row) const { return given_.present == nullptr || given_.present[row] != 0; }

  std::uint64_t bits(std::size_t row) {
    const auto* bytes = static_cast<const unsigned char*>(given_.values);
    if (column_.type == ColumnType::Tags) return set_of(row);
    if (column_.type == ColumnType::Category) return number_of(place_at(row));
    std::uint64_t bits = 0;
    const std::size_t width = value_bytes(column_.type);
    std::memcpy(&bits, bytes + row * width, width);
    return bits;
  }

 private:
  std::uint32_t place_at(std::size_t i) const {
    std::uint32_t place = 0;
    std::memcpy(&place, static_cast<const unsigned char*>(given_.values) + i * sizeof place, sizeof place);
    return place;
  }

  std::uint32_t number_of(std::uint32_t place) {
    std::uint32_t& number = numbers_[place];
    if (number == Words::kNone) number = column_.words.put(given_.words[place]);
    return number;
  }

  // Its new words are numbered in the order of their text: that of the tags of a row says nothing, and may be that of
  // some hashes.
  std::uint32_t set_of(std::size_t row) {
    tags_.clear();
    new_.clear();
    for (std::uint64_t i = given_.tag_ends[row]; i < given_.tag_ends[row + 1]; ++i) {
      const std::uint32_t place = place_at(i);
      const bool is_known = numbers_[place] != Words::kNone;
      (is_known ? tags_ : new_).push_back(is_known ? numbers_[place] : place);
    }
    std::sort(new_.begin(), new_.end(),
              [this](std::uint32_t a, std::uint32_t b) { return given_.words[a] < given_.words[b]; });
    for (const std::uint32_t place : new_) tags_.push_back(number_of(place));
    std::sort(tags_.begin(), tags_.end());
    tags_.erase(std::unique(tags_.begin(), tags_.end()), tags_.end());
    return column_.sets.put({reinterpret_cast<const char*>(tags_.data()), tags_.size() * sizeof(std::uint32_t)});
  }

  Column& column_;
  const ColumnValues& given_;
  std::vector<std::uint32_t>& numbers_;
  std::vector<std::uint32_t> tags_, new_;
};

void write_value(Columns& columns, Column& column, Source& source, std::size_t row, Slot slot) {
  if (!source.has(row)) return clear_row(columns, column, slot);
  const std::uint64_t bits = source.bits(row);
  set_value(writable(columns, column, slot, width_of(column)), slot, bits);
}

constexpr std::size_t kNotGiven = ~std::size_t{0};

// The place of a column among those that are given.
std::size_t place_in(const GivenValues& given, const Column& column) {
  const auto begin = given.columns.begin(), end = given.columns.end();
  const auto found = std::find_if(begin, end, [&](const auto& one) { return one.name == column.name; });
  return found == end ? kNotGiven : static_cast<std::size_t>(found - begin);
}

Slot successor_of(const Columns& columns, Slot slot) {
  const auto after = std::lower_bound(columns.successors.begin(), columns.successors.end(), slot,
                                      [](const Successor& one, Slot of) { return one.of < of; });
  return after != columns.successors.end() && after->of == slot ? after->slot : kNoSlot;
}

// A word is handed out once, unless the column has far more of them than there are rows to be read: a table of all its
// words would then cost more than it saves.
constexpr std::size_t kMostWordsPerRow = 8;

ColumnRead read_column(const Column& column, std::span<const Slot> slots) {
  ColumnRead out;
  out.type = column.type;
  const std::size_t width = value_bytes(column.type);
  const bool tags = column.type == ColumnType::Tags;
  out.present.resize(slots.size());
  if (tags) {
    out.tag_ends.push_back(0);
  } else {
    out.values.resize(slots.size() * width);
  }
  const bool once = has_words(column.type) && column.words.size() / kMostWordsPerRow <= slots.size();
  std::vector<std::uint32_t> place(once ? column.words.size() : 0, Words::kNone);
  const auto place_of = [&](std::uint32_t number) {
    if (once && place[number] != Words::kNone) return place[number];
    const auto at = static_cast<std::uint32_t>(out.words.size());
    out.words.push_back(column.words[number]);
    if (once) place[number] = at;
    return at;
  };
  const auto append = [&](std::uint32_t number) {
    const std::uint32_t at = place_of(number);
    const auto* bytes = reinterpret_cast<const std::byte*>(&at);
    out.values.insert(out.values.end(), bytes, bytes + sizeof at);
  };
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const ColumnChunk* chunk = slots[i] == kNoSlot ? nullptr : chunk_of(column, slots[i]);
    const bool has = chunk != nullptr && has_value(*chunk, slots[i] % kChunkSlots);
    out.present[i] = has;
    if (has) {
      std::uint64_t bits = bits_at(*chunk, slots[i] % kChunkSlots);
      if (tags) {
        const std::string& set = column.sets[bits];
        for (std::size_t at = 0; at < set.size(); at += sizeof(std::uint32_t)) {
          std::uint32_t number = 0;
          std::memcpy(&number, set.data() + at, sizeof number);
          append(number);
        }
      } else {
        if (column.type == ColumnType::Category) bits = place_of(static_cast<std::uint32_t>(bits));
        std::memcpy(out.values.data() + i * width, &bits, width);
      }
    }
    if (tags) out.tag_ends.push_back(out.values.size() / sizeof(std::uint32_t));
  }
  return out;
}

}  // namespace

GivenValues::GivenValues(const std::vector<ColumnValues>* given) : columns(given != nullptr ? *given : kNoColumns) {
  for (const ColumnValues& one : columns) numbers.emplace_back(one.words.size(), Words::kNone);
}

void check_columns(const Columns& columns, std::span<const ColumnValues> given) {
  for (const ColumnValues& one : given) {
    if (one.name.empty() || one.name.size() > kMostNameBytes) {
      throw InvalidInput("columns: a name of " + std::to_string(one.name.size()) +
                         " bytes; expected 1 to 255 (argument `columns`)");
    }
    const Column* column = columns.find(one.name);
    if (column == nullptr || column->type == one.type) continue;
    throw InvalidInput("columns: '" + one.name + "' was given as " + name_of(one.type) +
                       ", but the index keeps it as " + name_of(column->type) +
                       "; convert the values, or drop the column first");
  }
}

void make_columns(Columns& columns, std::span<const ColumnValues> given) {
  for (const ColumnValues& one : given) {
    if (columns.find(one.name) != nullptr) continue;
    auto column = std::make_unique<Column>();
    column->name = one.name;
    column->type = one.type;
    columns.all.push_back(std::move(column));
    ++columns.changes;
  }
}

void write_round(Columns& columns, GivenValues& given, std::span<const Slot> slots, std::span<const std::size_t> rows,
                 std::span<const Slot> replaced) {
  end_round(columns);
  if (columns.all.empty()) return;
  std::vector<Successor> successors;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (replaced[i] != kNoSlot) successors.push_back({replaced[i], slots[i]});
  }
  std::sort(successors.begin(), successors.end(), [](const auto& a, const auto& b) { return a.of < b.of; });
  std::vector<bool> is_given;
  for (const auto& column : columns.all) {
    const std::size_t place = place_in(given, *column);
    is_given.push_back(place != kNotGiven);
    if (place == kNotGiven) {
      for (std::size_t i = 0; i < slots.size(); ++i) {
        replaced[i] == kNoSlot ? clear_row(columns, *column, slots[i])
                               : copy_row(columns, *column, replaced[i], slots[i]);
      }
      continue;
    }
    Source source(*column, given, place);
    for (std::size_t i = 0; i < slots.size(); ++i) write_value(columns, *column, source, rows[i], slots[i]);
  }
  columns.successors = std::move(successors);
  columns.given = std::move(is_given);
  ++columns.changes;
}

void end_round(Columns& columns) { columns.successors.clear(); }

void change_rows(Columns& columns, GivenValues& given, std::span<const Slot> slots) {
  ++columns.changes;
  for (std::size_t c = 0; c < columns.all.size(); ++c) {
    Column& column = *columns.all[c];
    const std::size_t place = place_in(given, column);
    if (place == kNotGiven) continue;
    Source source(column, given, place);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] == kNoSlot) continue;
      write_value(columns, column, source, i, slots[i]);
      const Slot successor = successor_of(columns, slots[i]);
      if (successor != kNoSlot && !(c < columns.given.size() && columns.given[c])) {
        copy_row(columns, column, slots[i], successor);
      }
    }
  }
}

void forget_rows(Columns& columns, std::span<const Slot> slots) {
  if (columns.successors.empty()) return;
  for (const Slot slot : slots) {
    const Slot successor = slot == kNoSlot ? kNoSlot : successor_of(columns, slot);
    if (successor == kNoSlot) continue;
    for (std::size_t c = 0; c < columns.all.size(); ++c) {
      if (!(c < columns.given.size() && columns.given[c])) clear_row(columns, *columns.all[c], successor);
    }
  }
}

std::vector<ColumnInfo> infos_of(const Columns& columns) {
  std::vector<ColumnInfo> infos;
  infos.reserve(columns.all.size());
  for (const auto& column : columns.all) {
    infos.push_back({column->name, column->type, column->words.size(), bytes_of(*column)});
  }
  return infos;
}

std::vector<ColumnRead> read_rows(const Columns& columns, std::span<const std::string> names,
                                  std::span<const Slot> slots) {
  std::vector<ColumnRead> out;
  for (const std::string& name : names) {
    const Column* column = columns.find(name);
    if (column == nullptr) throw InvalidInput("there is no column '" + name + "' (argument `names`)");
    out.push_back(read_column(*column, slots));
  }
  return out;
}
void drop_column(Columns& columns, const std::string& name) {
  const auto found =
      std::find_if(columns.all.begin(), columns.all.end(), [&](const auto& column) { return column->name == name; });
  if (found == columns.all.end()) throw InvalidInput("there is no column '" + name + "' (argument `name`)");
  if (static_cast<std::size_t>(found - columns.all.begin()) < columns.given.size()) {
    columns.given.erase(columns.given.begin() + (found - columns.all.begin()));
  }
  columns.all.erase(found);
  ++columns.changes;
}

}  // namespace nearfield
