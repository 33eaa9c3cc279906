// Where memory ends in the midst of a removal, of a repair, or of an add that takes free slots.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "allocations.h"
#include "check.h"
#include "mortal.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 8;

using Content = std::map<Id, std::vector<float>>;  // marked rows without a vector

Content content_of(const Index& index) {
  Content content;
  for (const Id id : index.ids(true)) {
    std::vector<float>& vector = content[id];
    if (!index.contains(id)) continue;
    vector.resize(kDimensions);
    index.get_vectors(&id, 1, vector.data());
  }
  return content;
}

// Whichever allocation of the call fails, the index holds what it held or what it is to hold (or, where `between` says
// so, what lies between); it is sound, and so is its file. Nothing was lost on the way: once all is repaired, every
// slot holds a row or is free, and the call can be made again.
template <class Call>
void check_whole_wherever_memory_ends(const Index& index, const Call& call, std::size_t least,
                                      const std::vector<Content>& between = {}, const Where& where = Where::current()) {
  const Bytes file = bytes_of(index);
  Index ended = Index::load(file, {});
  call(ended);
  const Content before = content_of(index);
  std::vector<Content> may_be = between;
  may_be.push_back(before);
  may_be.push_back(content_of(ended));
  std::size_t failures = 0;
  for (std::uint64_t n = 1; n < 100'000; ++n) {
    Index tried = Index::load(file, {});
    const bool failed = runs_out_of_memory(n, [&] { call(tried); });
    const std::string what = "allocation " + std::to_string(n);
    const Content content = content_of(tried);
    check(failed ? std::find(may_be.begin(), may_be.end(), content) != may_be.end() : content == may_be.back(),
          what + ": what it holds", where);
    check(tried.validate().empty(), what + ": " + tried.validate(), where);
    const std::string refused = refused_field(bytes_of(tried));
    check(refused.empty(), what + ": its file is refused for " + refused, where);
    check(!refused.empty() || content_of(Index::load(bytes_of(tried), {})) == content, what + ": its file", where);
    if (!failed) break;
    ++failures;
    tried.repair(1, {});
    const RowCounts counts = tried.counts();
    check_equal(counts.removed, std::size_t{0}, what + ": rows that are neither there nor free", where);
    if (content != may_be.back()) call(tried);
    if (content == before) check_equal(tried.counts().slots, ended.counts().slots, what + ": slots, made again", where);
    tried.repair(1, {});
    check(content_of(tried) == may_be.back(), what + ": made again", where);
    check(tried.counts().removed == 0 && tried.validate().empty(), what + ": repaired: " + tried.validate(), where);
  }
  check(failures >= least, "allocations that failed: " + std::to_string(failures), where);
}

Index make_small(std::size_t rows) {
  const std::vector<float> vectors = clustered(rows, kDimensions, 3);
  Index index(IndexConfig{Space::Euclidean, Storage::Float32, kDimensions, 4, 10, 1, Codes::None});
  index.add(vectors.data(), rows, nullptr, nullptr, {1, {}});
  return index;
}

void a_removal_without_memory_leaves_the_index_whole() {
  const std::vector<Id> ids = ids_between(10, 40);
  const auto remove = [&ids](Index& index) { index.remove(ids.data(), ids.size(), false); };
  check_whole_wherever_memory_ends(make_small(200), remove, 10);
}

void a_repair_without_memory_leaves_the_index_whole() {
  Index index = make_small(400);
  for (Id id = 0; id < 24; ++id) index.remove(&id, 1, true);  // no repair is due yet
  check(index.counts().removed == 24 && index.stats().slots_to_repair == 0, "to be repaired");
  check_whole_wherever_memory_ends(index, [](Index& one) { one.repair(1, {}); }, 10);
}

// Forty free slots are taken for the first time, then new ones; ten rows are overwritten.
void an_add_into_free_slots_without_memory_leaves_the_index_whole() {
  Index index = make_small(200);
  const std::vector<Id> gone = ids_between(10, 50), ids = ids_between(190, 250);
  index.remove(gone.data(), gone.size(), true);
  check_equal(index.counts().free, std::size_t{40}, "free slots");
  const std::vector<float> vectors = clustered(60, kDimensions, 4);
  const auto add = [&](Index& one) { one.add(vectors.data(), 60, ids.data(), nullptr, {1, {}}); };
  Index half = Index::load(bytes_of(index), {});
  half.add(vectors.data(), 40, ids.data(), nullptr, {1, {}});
  const auto all = [&] { check_whole_wherever_memory_ends(index, add, 20, {content_of(half)}); };
  if (check_survived(all)) all();
}

// The table of ids is built by the removal, after the add has made room in what was none.
void a_removal_within_an_add_without_memory_leaves_the_index_whole() {
  const std::vector<float> vectors = clustered(80, kDimensions, 4);
  const auto add = [&](Index& index) {
    const AddOptions options{1, [&index](std::size_t, std::size_t) {
                               const Id id = 5;
                               index.remove(&id, 1, false);
                             }};
    index.add(vectors.data(), 80, nullptr, nullptr, options);
  };
  const Index index = make_small(20);
  Content without = content_of(index);
  without.erase(5);
  check_whole_wherever_memory_ends(index, add, 20, {without});
}

const Group group{"remove",
                  {{"a removal without memory leaves the index whole", a_removal_without_memory_leaves_the_index_whole},
                   {"a repair without memory leaves the index whole", a_repair_without_memory_leaves_the_index_whole},
                   {"an add into free slots without memory leaves the index whole",
                    an_add_into_free_slots_without_memory_leaves_the_index_whole},
                   {"a removal within an add without memory leaves the index whole",
                    a_removal_within_an_add_without_memory_leaves_the_index_whole}}};

}  // namespace
}  // namespace nearfield::test
