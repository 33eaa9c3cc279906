#include "stats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "graph/reach.h"
#include "hash.h"
#include "maintain/repair.h"
#include "rows.h"
#include "walk/held.h"

namespace nearfield {
namespace {

std::vector<LevelCount> count_levels(const State& state, std::size_t count) {
  const Graph& graph = state.graph;
  std::vector<LevelCount> levels(static_cast<std::size_t>(graph.entry().level + 1));
  for (std::size_t slot = 0; slot < count; ++slot) {
    const auto s = static_cast<Slot>(slot);
    if ((flags_of(state, s) & (kUnlinked | kFree)) != 0) continue;
    for (int level = 0; level <= graph.level_of(s); ++level) {
      LevelCount& of_level = levels[static_cast<std::size_t>(level)];
      ++of_level.rows;
      of_level.mean_degree += static_cast<double>(degree(graph.row(s, level), graph.places(level)));
    }
  }
  for (LevelCount& level : levels) level.mean_degree /= static_cast<double>(std::max<std::size_t>(level.rows, 1));
  return levels;
}

// Norms and copies of the live rows. Rows with equal hashes are compared byte by byte with the first such.
void survey_vectors(const State& state, const Metric& metric, std::size_t count, IndexStats& stats) {
  std::unordered_multimap<std::uint64_t, Slot> seen;
  std::vector<float> vector(metric.padded);
  const CodePlane* codes = state.code_plane.get();
  const Plane& held = metric.storage == Storage::CodesOnly && codes != nullptr ? codes->rows : state.vectors;
  stats.norm_min = std::numeric_limits<double>::infinity();
  stats.norm_max = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = static_cast<Slot>(i);
    if ((flags_of(state, slot) & kHidden) != 0) continue;
    const std::byte* row = held.row(slot);
    held_vector(state, metric, codes, slot, vector.data());
    double squares = 0;
    for (const float x : vector) squares += static_cast<double>(x) * x;
    stats.norm_min = std::min(stats.norm_min, std::sqrt(squares));
    stats.norm_max = std::max(stats.norm_max, std::sqrt(squares));
    const std::uint64_t hash = xxh64(row, held.row_bytes());
    const auto [begin, end] = seen.equal_range(hash);
    const bool copy = std::any_of(
        begin, end, [&](const auto& other) { return std::memcmp(held.row(other.second), row, held.row_bytes()) == 0; });
    if (copy) {
      ++stats.duplicates;
    } else {
      seen.emplace(hash, slot);
    }
  }
  if (stats.norm_min > stats.norm_max) stats.norm_min = 0;
}

void add_bytes(const State& state, IndexStats& stats) {
  const std::size_t count = state.count.load();
  const std::uint64_t published = state.published;
  const bool all_kept = keeps_all_vectors(state.config.storage, count);
  stats.vector_bytes = (all_kept ? count : published - first_recent(published)) * state.vectors.row_bytes();
  if (const CodePlane* codes = state.code_plane.get(); codes != nullptr) {
    stats.code_bytes = count * (codes->rows.row_bytes() + (codes->sketch ? kSketchBytes : 0));
  }
  stats.link_bytes =
      count * state.graph.links.row_bytes() + state.graph.upper_rows * state.graph.upper_links.row_bytes();
  for (const Plane* plane : {&state.graph.levels, &state.graph.upper_of, &state.ids, &state.flags}) {
    stats.other_bytes += count * plane->row_bytes();
  }
  if (state.replaced_by.capacity() > 0) stats.other_bytes += count * state.replaced_by.row_bytes();
  if (state.has_numbers()) stats.other_bytes += count * state.numbers.row_bytes();
}

}  // namespace

std::size_t bytes_of(const State& state) {
  IndexStats stats{};
  add_bytes(state, stats);
  return stats.vector_bytes + stats.code_bytes + stats.link_bytes + stats.other_bytes;
}

std::string validate_state(const State& state) {
  return validate(state.graph, state.count.load(),
                  [&state](Slot slot) { return (flags_of(state, slot) & (kUnlinked | kFree)) != 0; });
}

IndexStats collect_stats(const State& state, const Metric& metric) {
  IndexStats stats{};
  stats.rows = count_rows(state);
  const std::size_t count = stats.rows.slots;
  stats.levels = count_levels(state, count);
  const Reach reach = reach_of(state.graph, count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = static_cast<Slot>(i);
    stats.unreachable += !reach.has(slot) && (flags_of(state, slot) & (kDead | kFree)) == 0;
  }
  survey_vectors(state, metric, count, stats);
  add_bytes(state, stats);
  if (const CodePlane* codes = state.code_plane.get(); codes != nullptr && count > 0) {
    const double all = static_cast<double>(count * metric.dimensions);
    stats.clamped = std::min(1.0, static_cast<double>(codes->num_outside) / all);  // those of removed rows stay in it
  }
  stats.unrepaired = num_dead_unrepaired(state) + state.repair.num_leaving;
  stats.slots_to_repair = state.repair.end - state.repair.next;
  return stats;
}

}  // namespace nearfield
