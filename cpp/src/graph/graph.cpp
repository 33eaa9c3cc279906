#include "graph/graph.h"

#include <cstring>

namespace nearfield {
namespace {

constexpr std::uint64_t kNoEntry = ~std::uint64_t{0};

}  // namespace

Graph::Graph(std::uint32_t max_links_above)
    : M(max_links_above),
      links(std::size_t{2} * max_links_above * sizeof(Slot)),
      levels(1),
      links_to(sizeof(std::uint32_t)),
      upper_of(sizeof(Slot)),
      upper_links(std::size_t{max_links_above} * sizeof(Slot)),
      entry_(kNoEntry) {}

Entry Graph::entry() const {
  const std::uint64_t word = entry_.load(std::memory_order_acquire);
  if (word == kNoEntry) return {};
  return {static_cast<Slot>(word), static_cast<int>(word >> 32)};
}

void Graph::set_entry(Entry entry) {
  const std::uint64_t word =
      entry.slot == kNoSlot ? kNoEntry : std::uint64_t(static_cast<std::uint32_t>(entry.level)) << 32 | entry.slot;
  entry_.store(word, std::memory_order_release);
}

std::uint32_t* Graph::row(Slot slot, int level) {
  if (level == 0) return links.at<Slot>(slot);
  return upper_links.at<Slot>(*upper_of.at<Slot>(slot) + static_cast<std::size_t>(level) - 1);
}

const std::uint32_t* Graph::row(Slot slot, int level) const {
  if (level == 0) return links.at<Slot>(slot);
  return upper_links.at<Slot>(*upper_of.at<Slot>(slot) + static_cast<std::size_t>(level) - 1);
}

void Graph::grow(std::size_t slots) {
  links.grow(slots);
  levels.grow(slots);
  links_to.grow(slots);
  upper_of.grow(slots);
}

void Graph::set_level(Slot slot, int level) {
  *levels.at<std::uint8_t>(slot) = static_cast<std::uint8_t>(level);
  *upper_of.at<Slot>(slot) = kNoSlot;
  if (level == 0) return;
  const std::size_t first = upper_rows.load(std::memory_order_relaxed);
  const std::size_t end = first + static_cast<std::size_t>(level);
  *upper_of.at<Slot>(slot) = static_cast<Slot>(first);
  upper_links.grow(end);
  upper_rows.store(end, std::memory_order_relaxed);
}

std::size_t degree(const std::uint32_t* row, std::size_t places) {
  std::size_t n = 0;
  while (n < places && row[n] != kNoSlot) ++n;
  return n;
}

}  // namespace nearfield
