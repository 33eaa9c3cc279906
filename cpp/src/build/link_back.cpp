#include "build/link_back.h"

#include <algorithm>
#include <tuple>

#include "hash.h"
#include "threads.h"
#include "walk/beam.h"

namespace nearfield {
namespace {

bool comes_before(const LinkBack& a, const LinkBack& b) {
  return std::tie(a.target, a.level, a.entry) < std::tie(b.target, b.level, b.entry);
}

// A row while it takes links.
struct Row {
  const Metric& metric;
  const Reading& with;
  Scratch& scratch;
  Slot slot;
  std::size_t places;
  std::size_t num_kept;
  // As prune() leaves them: the kept ones, ascending, then those that fill free places, ascending.
  std::vector<std::uint64_t>& links;
  // Memory for the work below, used again for the next row.
  std::vector<std::uint64_t>& more;
  std::vector<std::uint64_t>& spare;
  std::vector<std::uint32_t>& keys;
  std::vector<Slot>& slots;
  std::vector<Slot>& dropped;
};

// What a row works in, one for each thread.
struct Workspace {
  std::vector<std::uint64_t> links, more, spare;
  std::vector<std::uint32_t> keys;
  std::vector<Slot> slots;
  std::vector<Slot> dropped;  // links of a row that were there or offered
  std::vector<Slot> bridges;  // its links to dead rows
  std::vector<Slot> few;      // slots to which few links lead now
};

// Choose anew among all that the row has and is offered.
void choose_anew(Row& row, const LinkBack* begin, const LinkBack* end) {
  std::vector<std::uint64_t>& candidates = row.more;
  candidates = row.links;
  for (const LinkBack* link = begin; link != end; ++link) candidates.push_back(link->entry);
  std::sort(candidates.begin(), candidates.end());
  shuffle_ties(candidates.data(), candidates.size(), row.slot);
  std::vector<std::uint32_t>& chosen = row.keys;
  chosen.resize(row.places);
  const std::size_t n = row.with.walks->prune(row.with.view, candidates.data(), candidates.size(), row.places,
                                              row.metric.alpha_percent, row.scratch.decoded(), chosen.data());
  row.links.clear();
  for (std::size_t i = 0; i < n; ++i) row.links.push_back(candidates[chosen[i]]);
  std::sort(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(n));
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    if (next < n && chosen[next] == i) {
      ++next;
    } else {
      row.dropped.push_back(entry_slot(candidates[i]));
    }
  }
}

// Whether one of the links is just as far as an entry: then choosing must weigh all of them (shuffle_ties).
bool is_tied(const std::vector<std::uint64_t>& links, std::uint64_t entry) {
  return std::any_of(links.begin(), links.end(),
                     [entry](std::uint64_t link) { return entry_key(link) == entry_key(entry); });
}

// One more for a full row whose links are in the order of prune(): a tenth of the work of choosing anew, which comes to
// the same but for links that had been pruned only by one that is pruned now. No link is just as far as the entry.
void admit(Row& row, std::uint64_t entry) {
  std::vector<std::uint64_t>& links = row.links;
  std::vector<std::uint64_t>& kept = row.more;
  std::vector<std::uint64_t>& spare = row.spare;
  const std::vector<std::uint32_t>& between = row.keys;
  row.slots.resize(row.num_kept);
  row.keys.resize(row.num_kept);
  for (std::size_t i = 0; i < row.num_kept; ++i) row.slots[i] = entry_slot(links[i]);
  const void* query = row.with.query_of(entry_slot(entry), row.scratch.decoded());
  row.with.walks->keys(row.with.view, query, row.slots.data(), row.num_kept, row.keys.data());
  const std::uint32_t key = entry_key(entry);
  const std::uint32_t alpha = row.metric.alpha_percent;
  kept.clear();
  spare.assign(links.begin() + static_cast<std::ptrdiff_t>(row.num_kept), links.end());
  bool is_kept = true;
  std::size_t i = 0;
  for (; i < row.num_kept && entry_key(links[i]) < key; ++i) {
    if (row.with.walks->clearly_nearer(between[i], key, alpha)) is_kept = false;
    kept.push_back(links[i]);
  }
  if (is_kept) kept.push_back(entry);
  for (; i < row.num_kept; ++i) {
    const bool pruned = is_kept && row.with.walks->clearly_nearer(between[i], entry_key(links[i]), alpha);
    (pruned ? spare : kept).push_back(links[i]);
  }
  if (!is_kept) spare.push_back(entry);
  std::sort(spare.begin(), spare.end());
  shuffle_ties(spare.data(), spare.size(), row.slot);
  links.swap(kept);
  row.num_kept = std::min(links.size(), row.places);
  links.insert(links.end(), spare.begin(), spare.end());
  for (std::size_t place = row.places; place < links.size(); ++place) row.dropped.push_back(entry_slot(links[place]));
  links.resize(row.places);
}

// Where the kept ones end: at the one place where a link is nearer than the one before it. Beyond `n` where there are
// more such places: something was appended since.
std::size_t end_of_kept(const std::vector<std::uint64_t>& links) {
  std::size_t end = links.size();
  for (std::size_t i = 1; i < links.size(); ++i) {
    if (entry_key(links[i]) >= entry_key(links[i - 1])) continue;
    if (end != links.size()) return links.size() + 1;
    end = i;
  }
  return end;
}

// Put the sources of one target into its row: appended where they fit.
void link_back_to(State& state, const Metric& metric, ScratchPool& pool, const Reading& with, std::uint8_t gone,
                  const LinkBack* begin, const LinkBack* end, Workspace& space) {
  Graph& graph = state.graph;
  const Slot target = begin->target;
  const std::size_t places = graph.places(begin->level);
  std::uint32_t* stored = graph.row_to_change(target, begin->level);
  const std::size_t old_links = degree(stored, places);
  const auto new_links = static_cast<std::size_t>(end - begin);
  if (begin->level == 0) {
    for (const LinkBack* link = begin; link != end; ++link) graph.count_link(entry_slot(link->entry));
  }
  if (old_links + new_links <= places) {
    for (std::size_t i = 0; i < new_links; ++i) {
      __atomic_store_n(stored + old_links + i, entry_slot(begin[i].entry), __ATOMIC_RELEASE);
    }
    return;
  }
  const ScratchPool::Lease scratch = pool.lend();
  scratch->fit(0, 1, places, metric.padded);
  Row row{metric,      with,       *scratch,    target,     places,      0,
          space.links, space.more, space.spare, space.keys, space.slots, space.dropped};
  row.links.clear();
  row.dropped.clear();
  space.bridges.clear();
  void* buffer = with.codes != nullptr ? static_cast<void*>(scratch->codes()) : scratch->query();
  row.keys.resize(old_links);
  with.walks->keys(with.view, with.query_of(target, buffer), stored, old_links, row.keys.data());
  for (std::size_t i = 0; i < old_links; ++i) {
    const std::uint8_t flags = flags_of(state, stored[i]);
    // Dead rows lead to others that may be reached by them alone, until a repair comes; but they prune nobody, since
    // none of them links to a new row.
    if ((flags & gone) != 0) {
      row.dropped.push_back(stored[i]);
    } else if ((flags & (kDead | kDoomed)) != 0) {
      space.bridges.push_back(stored[i]);
    } else {
      row.links.push_back(make_entry(row.keys[i], stored[i]));
    }
  }
  row.num_kept = end_of_kept(row.links);
  if (row.links.size() == row.places && row.num_kept <= row.places) {
    for (const LinkBack* link = begin; link != end; ++link) {
      if (is_tied(row.links, link->entry)) {
        choose_anew(row, link, link + 1);
        row.num_kept = end_of_kept(row.links);
      } else {
        admit(row, link->entry);
      }
    }
  } else {
    choose_anew(row, begin, end);
  }
  // Those in place of links that only fill.
  const std::size_t num_kept = std::min(end_of_kept(row.links), row.links.size());
  row.slots.clear();
  for (std::size_t i = 0; i < num_kept; ++i) row.slots.push_back(entry_slot(row.links[i]));
  row.slots.insert(row.slots.end(), space.bridges.begin(), space.bridges.end());
  for (std::size_t i = num_kept; i < row.links.size(); ++i) row.slots.push_back(entry_slot(row.links[i]));
  while (row.slots.size() > places) {
    row.dropped.push_back(row.slots.back());
    row.slots.pop_back();
  }
  store_row(stored, places, row.slots.data(), row.slots.size());
  if (begin->level > 0) return;
  for (const Slot slot : row.dropped) {
    if (graph.discount_link(slot)) space.few.push_back(slot);
  }
}

}  // namespace

std::vector<Slot> link_back(State& state, const Metric& metric, ScratchPool& pool, const Reading& with,
                            std::uint8_t gone, std::vector<LinkBack> all, std::size_t num_threads) {
  std::sort(all.begin(), all.end(), comes_before);
  std::vector<std::size_t> groups;  // where a target's links begin, and the end
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 0 || all[i].target != all[i - 1].target || all[i].level != all[i - 1].level) groups.push_back(i);
  }
  const std::size_t num_groups = groups.size();
  groups.push_back(all.size());
  std::vector<Workspace> spaces(resolve_threads(num_threads, num_groups));
  parallel_for(num_groups, num_threads, [&](std::size_t worker, std::size_t group) {
    link_back_to(state, metric, pool, with, gone, all.data() + groups[group], all.data() + groups[group + 1],
                 spaces[worker]);
  });
  std::vector<Slot> few;
  for (const Workspace& space : spaces) few.insert(few.end(), space.few.begin(), space.few.end());
  return few;
}

void store_row(std::uint32_t* row, std::size_t places, const Slot* slots, std::size_t n) {
  for (std::size_t i = 0; i < places; ++i) __atomic_store_n(row + i, i < n ? slots[i] : kNoSlot, __ATOMIC_RELEASE);
}

void shuffle_ties(std::uint64_t* entries, std::size_t n, Slot row) {
  const auto rank = [row](std::uint64_t entry) { return mix64(entry_slot(entry) ^ std::uint64_t{row} << 32); };
  for (std::size_t i = 0; i < n;) {
    std::size_t end = i + 1;
    while (end < n && entries[end] >> 32 == entries[i] >> 32) ++end;
    if (end - i > 1) {
      std::sort(entries + i, entries + end, [&rank](std::uint64_t a, std::uint64_t b) { return rank(a) < rank(b); });
    }
    i = end;
  }
}

}  // namespace nearfield
