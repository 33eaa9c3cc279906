// Columns as sections of a file (format.h): one each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "column.h"
#include "files/flags_copy.h"
#include "nearfield/types.h"
#include "state.h"

namespace nearfield {

// A column at the instant of a snapshot: its chunks stay as they are, words are copied as they stand in the file.
struct ColumnView {
  std::vector<std::byte> head;  // all that stands before the chunks
  ChunkList chunks;             // without those at the end that hold nothing
  std::size_t bytes = 0;        // of the section
};

// Under the id lock. Of `count` slots: a round that was given up may have written values behind them.
std::vector<ColumnView> view_columns_for_file(const Columns& columns, std::size_t count);

// Hands on the bytes of the section. Free slots have no value.
void put_column(const ColumnView& column, const FlagsCopy& flags,
                const std::function<void(const void* data, std::size_t bytes)>& put);

// Adds the column of a section. Throws CorruptIndexFile where the bytes are not one of `count` slots.
void read_column(const std::vector<std::byte>& bytes, std::uint64_t offset, const std::string& file, std::size_t count,
                 Columns& columns);

// Those of a mapped file that were not read yet. Throws CorruptIndexFile; a later call goes on.
void read_unread_columns(State& state);

}  // namespace nearfield
