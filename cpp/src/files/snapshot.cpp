#include "files/snapshot.h"

#include <algorithm>
#include <cstring>

namespace nearfield {
namespace {

constexpr std::size_t kKeptShare = 16;    // of the bytes of an index: links that are kept
constexpr std::size_t kLeastKept = 4096;  // rows of links, in a small index

// Of rows that are there, or as many slots as say that there are too many.
std::vector<Slot> list_of(const CodePlane* codes, const FlagsCopy& flags) {
  if (codes == nullptr) return {};
  const LongRows& long_rows = codes->long_rows;
  std::vector<Slot> slots(long_rows.size());
  for (std::size_t i = 0; i < slots.size(); ++i)
    slots[i] = long_rows.are_too_many() ? static_cast<Slot>(i) : long_rows[i];
  if (!long_rows.are_too_many()) std::erase_if(slots, [&flags](Slot slot) { return flags.is_free(slot); });
  std::sort(slots.begin(), slots.end());
  return slots;
}

// Free slots keep their upper rows; no links stand there.
std::vector<std::uint32_t> copy_upper_links(const Graph& graph, const FlagsCopy& flags) {
  const std::size_t rows = graph.upper_rows;
  std::vector<std::uint32_t> links(rows * graph.M);
  graph.upper_links.for_each_run(0, rows, [&](const std::byte* data, std::size_t first, std::size_t run) {
    std::memcpy(links.data() + first * graph.M, data, run * graph.upper_links.row_bytes());
  });
  if (flags.num_free == 0) return links;
  for (std::size_t i = 0; i < flags.bytes.size(); ++i) {
    const auto levels = static_cast<std::size_t>(graph.level_of(static_cast<Slot>(i)));
    if (!flags.is_free(i) || levels == 0) continue;
    const std::size_t first = *graph.upper_of.at<Slot>(i);
    std::fill_n(links.begin() + static_cast<std::ptrdiff_t>(first * graph.M), levels * graph.M, kNoSlot);
  }
  return links;
}

std::size_t count_vectors(const State& state, std::size_t count, std::uint64_t published) {
  return keeps_all_vectors(state.config.storage, count) ? count
                                                        : static_cast<std::size_t>(published - first_recent(published));
}

// Those that are kept beside codes lie at their slots while there are few, then at their numbers.
std::vector<std::byte> copy_kept_vectors(const State& state, const FlagsCopy& flags, std::size_t rows,
                                         std::uint64_t published) {
  if (state.config.storage != Storage::CodesOnly) return {};
  const std::size_t count = flags.bytes.size();
  const std::size_t row_bytes = state.vectors.row_bytes();
  const std::uint64_t first = keeps_all_vectors(Storage::CodesOnly, count) ? 0 : first_recent(published);
  std::vector<std::byte> vectors(rows * row_bytes);
  for (std::size_t slot = 0; slot < count; ++slot) {
    if (flags.is_free(slot) || !state.keeps_vector(slot)) continue;
    const std::uint64_t row = first == 0 ? slot : state.number_of(slot) - first;
    std::memcpy(vectors.data() + row * row_bytes, state.vector_row(slot), row_bytes);
  }
  return vectors;
}

std::size_t most_kept(const State& state, std::size_t count) {
  const std::size_t codes = state.code_plane ? state.code_plane->rows.row_bytes() : 0;
  const std::size_t links = state.graph.links.row_bytes();
  const std::size_t vector = state.config.storage == Storage::CodesOnly ? 0 : state.vectors.row_bytes();
  constexpr std::size_t kBeside = 40;  // of a row that is kept: its entry in the table
  return std::max(kLeastKept, count * (vector + codes + links) / kKeptShare / (links + kBeside));
}

}  // namespace

Snapshot::Snapshot(State& of)
    : state(of),
      flags(copy_flags(of)),
      published(of.published),
      next_id(of.next_id),
      unswept(of.unswept),
      repair_next(of.repair.next),
      repair_end(of.repair.end),
      entry(of.graph.entry()),
      upper_rows(of.graph.upper_rows),
      has_numbers(of.has_numbers()),
      codes(of.code_plane.get()),
      num_fitted(codes != nullptr ? codes->num_fitted : 0),
      num_outside(codes != nullptr ? codes->num_outside.load() : 0),
      long_rows(list_of(codes, flags)),
      upper_links(copy_upper_links(of.graph, flags)),
      vectors(copy_kept_vectors(of, flags, count_vectors(of, flags.bytes.size(), published), published)),
      num_vectors(count_vectors(of, flags.bytes.size(), published)),
      attachments(of.attachments),
      columns(view_columns_for_file(of.columns, flags.bytes.size())) {
  of.graph.kept.begin(count(), of.graph.places(0), most_kept(of, count()));
}

Snapshot::~Snapshot() { state.graph.kept.end(); }

}  // namespace nearfield
