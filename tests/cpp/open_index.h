// An index whose parts a test can reach: what Index composes, without its locks.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "build/add.h"
#include "fixtures.h"
#include "rows.h"
#include "state.h"
#include "walk/metric.h"
#include "walk/query.h"
#include "walk/scratch.h"

namespace nearfield::test {

struct OpenIndex {
  explicit OpenIndex(const IndexConfig& config) : state(config), metric(config, active_level()), table(state.ids) {}

  void add(const std::vector<float>& vectors, std::size_t num_threads = 1) {
    const std::size_t rows = vectors.size() / metric.dimensions;
    const Batch batch = resolve_batch(table, nullptr, rows, state.next_id, OnConflict::Update);
    table.reserve(batch.ids.data(), batch.ids.size(), state.count.load());
    const AddSteps steps{
        .doom = {},  // automatic ids replace nothing
        .describe = [](std::span<const Slot>, std::span<const std::size_t>, std::span<const Id>) {},
        .spare = [](std::span<const Id>) {},
        .publish = [this](std::span<const Slot> slots, Entry entry) { publish_rows(state, table, slots, entry); },
        .after = [](std::size_t) {}};
    add_rows(state, metric, pool, vectors.data(), batch, {num_threads, {}}, steps);
    state.next_id = batch.next_id;
  }

  State state;
  CurrentState current{&state};
  Metric metric;
  IdTable table;
  mutable ScratchPool pool;
};

// Slots [first, last).
inline std::vector<Slot> slots_between(std::size_t first, std::size_t last) {
  std::vector<Slot> slots(last - first);
  std::iota(slots.begin(), slots.end(), static_cast<Slot>(first));
  return slots;
}

inline Answers ask(const OpenIndex& index, const std::vector<float>& queries, const QueryOptions& options) {
  const std::size_t rows = queries.size() / index.metric.dimensions;
  Answers answers;
  answers.ids.resize(rows * options.k);
  answers.distances.resize(rows * options.k);
  answers.counts.resize(rows);
  answers.counters = query_rows(index.current, index.metric, index.pool, queries.data(), rows, options,
                                answers.ids.data(), answers.distances.data(), answers.counts.data());
  return answers;
}

// The share of the true nearest that an answer holds. Truth: a scan of the same rows, which asking for so many forces.
template <class Any>
double recall(const Any& index, std::size_t rows, const std::vector<float>& queries, const QueryOptions& options) {
  QueryOptions all = options;
  all.ef = rows;
  const Answers truth = ask(index, queries, all);
  const Answers found = ask(index, queries, options);
  std::size_t hits = 0;
  for (std::size_t q = 0; q < found.counts.size(); ++q) {
    const auto begin = truth.ids.begin() + static_cast<std::ptrdiff_t>(q * options.k);
    for (std::size_t i = 0; i < options.k; ++i) {
      hits += std::find(begin, begin + static_cast<std::ptrdiff_t>(options.k), found.ids[q * options.k + i]) !=
              begin + static_cast<std::ptrdiff_t>(options.k);
    }
  }
  return static_cast<double>(hits) / static_cast<double>(found.ids.size());
}

}  // namespace nearfield::test
