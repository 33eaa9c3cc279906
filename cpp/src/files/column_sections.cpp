#include "files/column_sections.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "files/block_guard.h"
#include "files/fault.h"
#include "files/format.h"
#include "files/utf8.h"

namespace nearfield {
namespace {

using format::ColumnHead;

constexpr std::size_t kPresentBytes = kChunkWords * sizeof(std::uint64_t);

void append(std::vector<std::byte>& bytes, const void* data, std::size_t size) {
  const auto* begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

void pad(std::vector<std::byte>& bytes) { bytes.resize((bytes.size() + 7) / 8 * 8); }

void append_words(std::vector<std::byte>& bytes, const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto length = static_cast<std::uint32_t>(words[i].size());
    append(bytes, &length, sizeof length);
  }
  for (std::size_t i = 0; i < words.size(); ++i) append(bytes, words[i].data(), words[i].size());
  pad(bytes);
}

std::uint64_t total_of(const Words& words) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < words.size(); ++i) total += words[i].size();
  return total;
}

ColumnView view_of(const Column& column, std::size_t count) {
  ColumnView view;
  view.chunks = column.chunks;
  view.chunks.resize(std::min(view.chunks.size(), (count + kChunkSlots - 1) / kChunkSlots));
  while (!view.chunks.empty() && view.chunks.back() == nullptr) view.chunks.pop_back();
  ColumnHead head;
  head.type = static_cast<std::uint32_t>(column.type);
  head.name_bytes = static_cast<std::uint32_t>(column.name.size());
  head.num_words = column.words.size();
  head.num_sets = column.sets.size();
  head.word_bytes = total_of(column.words);
  head.set_bytes = total_of(column.sets);
  head.num_chunks = view.chunks.size();
  append(view.head, &head, sizeof head);
  append(view.head, column.name.data(), column.name.size());
  pad(view.head);
  append_words(view.head, column.words);
  append_words(view.head, column.sets);
  view.bytes = 0;
  for (const auto& chunk : view.chunks) {
    const std::uint8_t width = chunk ? chunk->width : 0;
    append(view.head, &width, 1);
    if (chunk) view.bytes += kPresentBytes + chunk->values.size();
  }
  pad(view.head);
  view.bytes += view.head.size();
  return view;
}

// The bytes of a section, taken one part after the other.
class Parts {
 public:
  Parts(const std::vector<std::byte>& bytes, std::uint64_t offset, const std::string& file)
      : bytes_(bytes), offset_(offset), file_(file) {}

  void require(bool good, const char* field, std::uint64_t found, const char* expected) const {
    nearfield::require(good, file_, offset_ + at_, field, found, expected);
  }
  const std::byte* take(std::uint64_t size, const char* field) {
    require(size <= bytes_.size() - at_, field, size, "at most the bytes that are left of the section");
    const std::byte* begin = bytes_.data() + at_;
    at_ += size;
    return begin;
  }
  void take_padding(const char* field) {
    for (; at_ % 8 != 0; ++at_) {
      require(at_ < bytes_.size() && bytes_[at_] == std::byte{0}, field, at_, "0 up to a multiple of 8");
    }
  }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  const std::vector<std::byte>& bytes_;
  std::uint64_t offset_, at_ = 0;
  const std::string& file_;
};

// Lengths, then bytes. `check` looks at each word.
template <class Check>
void read_words(Parts& parts, std::uint64_t count, std::uint64_t total, const char* field, Words& words,
                const Check& check) {
  parts.require(count < Words::kNone, field, count, "fewer than 2^32 - 1");
  const std::byte* lengths = parts.take(count * sizeof(std::uint32_t), field);
  const auto* begin = reinterpret_cast<const char*>(parts.take(total, field));
  std::uint64_t used = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    std::memcpy(&length, lengths + i * sizeof length, sizeof length);
    parts.require(length <= total - used, field, length, "lengths whose sum is that of the bytes");
    const std::string_view word(begin + used, length);
    used += length;
    check(word);
    parts.require(words.put(word) == i, field, i, "each word once");
  }
  parts.require(used == total, field, used, "lengths whose sum is that of the bytes");
  parts.take_padding(field);
}

void check_set(const Parts& parts, std::string_view set, std::uint64_t num_words) {
  parts.require(set.size() % sizeof(std::uint32_t) == 0, "column.sets", set.size(), "4 bytes a tag");
  std::int64_t before = -1;
  for (std::size_t at = 0; at < set.size(); at += sizeof(std::uint32_t)) {
    std::uint32_t tag = 0;
    std::memcpy(&tag, set.data() + at, sizeof tag);
    parts.require(std::int64_t{tag} > before && tag < num_words, "column.sets", tag, "ascending numbers of words");
    before = tag;
  }
}

// The least and the greatest width that a chunk of this type may have.
std::pair<std::uint8_t, std::uint8_t> widths_of(ColumnType type) {
  if (type == ColumnType::Category || type == ColumnType::Tags) return {1, 4};
  const auto width = static_cast<std::uint8_t>(value_bytes(type));
  return {width, width};
}

template <class T>
std::uint64_t greatest_of(const ColumnChunk& chunk) {
  T greatest = 0;
  for (std::size_t place = 0; place < kChunkSlots; ++place) {
    T value;
    std::memcpy(&value, chunk.values.data() + place * sizeof value, sizeof value);
    greatest = std::max(greatest, value);
  }
  return greatest;
}

std::uint64_t greatest_of(const ColumnChunk& chunk) {
  return chunk.width == 1   ? greatest_of<std::uint8_t>(chunk)
         : chunk.width == 2 ? greatest_of<std::uint16_t>(chunk)
                            : greatest_of<std::uint32_t>(chunk);
}

// Where most have values this reads a word for 64 of them, and those of numbers in vectors.
void check_chunk(const Parts& parts, const Column& column, const ColumnChunk& chunk, std::size_t slots) {
  for (std::size_t w = 0; w < kChunkWords; ++w) {
    const std::size_t exist = slots - std::min(slots, 64 * w);
    const std::uint64_t may_have = exist >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << exist) - 1;
    parts.require((chunk.present[w] & ~may_have) == 0, "column.present", w, "no value behind the last slot");
    for (std::uint64_t without = ~chunk.present[w]; without != 0; without &= without - 1) {
      const std::uint64_t bits = bits_at(chunk, 64 * w + static_cast<std::size_t>(std::countr_zero(without)));
      parts.require(bits == 0, "column.values", bits, "0 where there is no value");
    }
  }
  const bool has_any = std::any_of(chunk.present.begin(), chunk.present.end(), [](std::uint64_t w) { return w != 0; });
  const std::uint64_t below = column.type == ColumnType::Bool       ? 2
                              : column.type == ColumnType::Category ? column.words.size()
                              : column.type == ColumnType::Tags     ? column.sets.size()
                                                                    : 0;
  const bool is_number =
      column.type == ColumnType::Bool || column.type == ColumnType::Category || column.type == ColumnType::Tags;
  if (!is_number || !has_any) return;
  const std::uint64_t greatest = greatest_of(chunk);
  parts.require(greatest < below, "column.values", greatest, "0 or 1, or the number of a word or a set");
}

}  // namespace

std::vector<ColumnView> view_columns_for_file(const Columns& columns, std::size_t count) {
  columns.begin_view();
  std::vector<ColumnView> views;
  views.reserve(columns.all.size());
  for (const auto& column : columns.all) views.push_back(view_of(*column, count));
  return views;
}

void put_column(const ColumnView& column, const FlagsCopy& flags,
                const std::function<void(const void* data, std::size_t bytes)>& put) {
  put(column.head.data(), column.head.size());
  for (std::size_t number = 0; number < column.chunks.size(); ++number) {
    if (column.chunks[number] == nullptr) continue;
    const ColumnChunk& chunk = *column.chunks[number];
    const std::size_t first = number * kChunkSlots;
    const std::size_t end = std::min(flags.bytes.size(), first + kChunkSlots);
    ColumnChunk clean = chunk;
    for (std::size_t place = 0; place < kChunkSlots; ++place) {
      if (first + place < end && !flags.is_free(first + place)) continue;
      clean.present[place / 64] &= ~(std::uint64_t{1} << (place % 64));
      std::memset(clean.values.data() + place * clean.width, 0, clean.width);
    }
    put(clean.present.data(), kPresentBytes);
    put(clean.values.data(), clean.values.size());
  }
}

void read_column(const std::vector<std::byte>& bytes, std::uint64_t offset, const std::string& file, std::size_t count,
                 Columns& columns) {
  Parts parts(bytes, offset, file);
  ColumnHead head;
  std::memcpy(&head, parts.take(sizeof head, "column"), sizeof head);
  parts.require(head.type >= 1 && head.type <= 10, "column.type", head.type, "1 to 10");
  parts.require(head.name_bytes >= 1 && head.name_bytes <= 255, "column.name_bytes", head.name_bytes, "1 to 255");
  auto column = std::make_unique<Column>();
  column->type = static_cast<ColumnType>(head.type);
  column->name.assign(reinterpret_cast<const char*>(parts.take(head.name_bytes, "column.name")), head.name_bytes);
  parts.take_padding("column.name");
  parts.require(is_utf8(column->name), "column.name", head.name_bytes, "bytes that are UTF-8");
  parts.require(columns.find(column->name) == nullptr, "column.name", head.name_bytes, "a name that is not there yet");
  const bool is_words = column->type == ColumnType::Category || column->type == ColumnType::Tags;
  parts.require(is_words || head.num_words == 0, "column.num_words", head.num_words, "0 for this type");
  parts.require(column->type == ColumnType::Tags || head.num_sets == 0, "column.num_sets", head.num_sets,
                "0 for this type");
  parts.require(head.num_words <= bytes.size() && head.num_sets <= bytes.size(), "column.num_words", head.num_words,
                "no more than there are bytes");
  read_words(parts, head.num_words, head.word_bytes, "column.words", column->words, [&](std::string_view word) {
    parts.require(is_utf8(word), "column.words", word.size(), "bytes that are UTF-8");
  });
  read_words(parts, head.num_sets, head.set_bytes, "column.sets", column->sets,
             [&](std::string_view set) { check_set(parts, set, head.num_words); });
  parts.require(head.num_chunks <= (count + kChunkSlots - 1) / kChunkSlots, "column.num_chunks", head.num_chunks,
                "no more than the slots need");
  const std::byte* widths = parts.take(head.num_chunks, "column.widths");
  parts.take_padding("column.widths");
  const auto [least, most] = widths_of(column->type);
  for (std::uint64_t number = 0; number < head.num_chunks; ++number) {
    const auto width = static_cast<std::uint8_t>(widths[number]);
    parts.require(width == 0 || (std::has_single_bit(width) && width >= least && width <= most), "column.widths", width,
                  "a width of this type, or 0");
    column->chunks.emplace_back();
    if (width == 0) continue;
    auto chunk = std::make_shared<ColumnChunk>();
    chunk->width = width;
    std::memcpy(chunk->present.data(), parts.take(kPresentBytes, "column.present"), kPresentBytes);
    const std::byte* values = parts.take(kChunkSlots * width, "column.values");
    chunk->values.assign(values, values + kChunkSlots * width);
    check_chunk(parts, *column, *chunk, count - number * kChunkSlots);
    column->chunks.back() = std::move(chunk);
  }
  parts.require(parts.at_end(), "column", bytes.size(), "nothing behind the last chunk");
  columns.all.push_back(std::move(column));
}

void read_unread_columns(State& state) {
  while (!state.unread_columns.empty()) {
    UnreadColumn& unread = state.unread_columns.front();
    if (unread.mapped != nullptr) {
      const std::byte* first = unread.mapped->row(0);
      if (!BlockGuard::touch(state.guard.get(), first, unread.size)) state.guard->throw_corrupt();
      unread.bytes.assign(first, first + unread.size);
    }
    read_column(unread.bytes, unread.offset, state.guard->file(), state.count.load(), state.columns);
    state.unread_columns.erase(state.unread_columns.begin());
  }
}

}  // namespace nearfield
