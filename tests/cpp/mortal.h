// An open index (open_index.h) whose rows die: what Index does when rows are removed, repaired and replaced, each step
// by itself, so that a test can stand between them.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "check.h"
#include "files/files.h"
#include "forge.h"
#include "maintain/repair.h"
#include "maintain/slots.h"
#include "open_index.h"
#include "stats.h"

namespace nearfield::test {

// Ids [first, last).
inline std::vector<Id> ids_between(Id first, Id last) {
  std::vector<Id> ids(last - first);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

struct MortalIndex : OpenIndex {
  using OpenIndex::OpenIndex;

  // As Index::add does it, repairs left aside.
  void put(std::span<const Id> ids, const std::vector<float>& vectors) {
    const Batch batch = resolve_batch(table, ids.data(), ids.size(), state.next_id, OnConflict::Update);
    settle();
    table.reserve(batch.ids.data(), batch.ids.size(), state.count.load());
    const AddSteps steps{
        .doom = [this](std::span<const Id> of_round) { return doom(state, table, of_round); },
        .describe = [](std::span<const Slot>, std::span<const std::size_t>, std::span<const Id>) {},
        .spare = [this](std::span<const Id> of_round) { spare(state, table, of_round); },
        .publish = [this](std::span<const Slot> slots, Entry entry) { publish_rows(state, table, slots, entry); },
        .after = [this](std::size_t) { settle(); }};
    add_rows(state, metric, pool, vectors.data(), batch, {1, {}}, steps);
    state.next_id = batch.next_id;
  }
  void put(Id id, const std::vector<float>& vector) { put(std::span(&id, 1), vector); }

  void remove(std::span<const Id> ids) {
    prepare_to_die(state);
    table.reserve_to_erase();
    nearfield::remove(state, table, ids, true);
  }
  // Ids [first, last).
  void remove(Id first, Id last) { remove(ids_between(first, last)); }

  void settle() { settle_slots(state, pool, under_id_lock); }
  void repair() { repair_all(state, metric, pool, 1, {}, under_id_lock); }

  std::vector<std::byte> bytes() {
    std::vector<std::byte> bytes;
    write_index(Snapshot(state),
                [&bytes](const std::byte* data, std::size_t n) { bytes.insert(bytes.end(), data, data + n); });
    return bytes;
  }

  const UnderIdLock under_id_lock = [](const std::function<void()>& body) { body(); };
};

// In a process of its own, of which it may be the end.
template <class Body>
bool check_survived(const Body& body, const Where& where = Where::current()) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a process ends as " + std::to_string(status), where);
}

// What a file says of each slot.
template <class Number>
std::vector<Number> plane_of(const std::vector<std::byte>& file, format::Kind kind) {
  const format::Section section = section_of(file, kind);
  std::vector<Number> rows(section.bytes / sizeof(Number));
  std::memcpy(rows.data(), file.data() + section.offset, section.bytes);
  return rows;
}

inline std::vector<Slot> free_slots_of(const std::vector<std::byte>& file) {
  const auto flags = plane_of<std::uint8_t>(file, format::Kind::Flags);
  std::vector<Slot> slots;
  for (std::size_t slot = 0; slot < flags.size(); ++slot) {
    if (flags[slot] == kFree) slots.push_back(static_cast<Slot>(slot));
  }
  return slots;
}

// Rows of length 1: in every space each is nearest to itself.
inline std::vector<float> unit_rows(std::size_t rows, std::size_t dimensions, std::uint64_t seed) {
  std::vector<float> vectors = scattered(rows, dimensions, seed);
  for (std::size_t row = 0; row < rows; ++row) {
    double squares = 0;
    for (std::size_t d = 0; d < dimensions; ++d) squares += std::pow(vectors[row * dimensions + d], 2);
    for (std::size_t d = 0; d < dimensions; ++d)
      vectors[row * dimensions + d] /= static_cast<float>(std::sqrt(squares));
  }
  return vectors;
}

inline std::vector<float> row_of(const std::vector<float>& vectors, std::size_t dimensions, std::size_t row) {
  const auto begin = vectors.begin() + static_cast<std::ptrdiff_t>(row * dimensions);
  return {begin, begin + static_cast<std::ptrdiff_t>(dimensions)};
}

}  // namespace nearfield::test
