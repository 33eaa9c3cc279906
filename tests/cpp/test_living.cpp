// An index that lives: many threads add, overwrite, remove, mark, query, save, repair and compact at once, and whatever
// each of them sees must have been true at some instant of its call.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "fixtures.h"
#include "living.h"

namespace nearfield::test {
namespace {

// In a process of its own, which has half a minute: none of these calls waits for what waits for it.
void nobody_waits_for_ever() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    World world({Space::Euclidean, Storage::Float32, kDimensions, 4, 12, 1, Codes::None}, 4, 50);
    live(world, 100, 0, [&](Owner& owner, Dice& dice) {
      const std::size_t roll = dice.below(5);
      if (roll == 0) return world.index.compact(1, {});
      if (roll == 1) return static_cast<void>(bytes_of(world.index));
      roll == 2 ? remove_some(world, owner, dice) : add_some(world, owner, dice);
    });
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  may_compact = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  check(may_compact, "compactions, saves and adds end as " + std::to_string(status));
}

void whatever_a_thread_sees_was_there() {
  for (const Codes codes : {Codes::None, Codes::Int8}) {
    World world({Space::Euclidean, Storage::Float32, kDimensions, 8, 40, 1, codes}, 8, 250);
    live(world, 200, seconds() / 2, [&](Owner& owner, Dice& dice) { do_one_thing(world, owner, dice); });
    check_in_the_end(world);
  }
}

// --- files ---------------------------------------------------------------------------------------

struct Saved {
  std::vector<std::byte> bytes;
  std::uint64_t called, returned;
};

// The instants between two looks at the clock of which a file may be, for one owner: those at which all that it had
// done by then is what the file holds. Each is a stretch of the clock, without its ends.
using Stretches = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

Stretches stretches_of(const Owner& owner, const Index& file) {
  std::map<Id, std::int64_t> differs;  // what the file holds of the ids that were in another state so far
  for (const Id id : owner.ids) {
    const std::int64_t state = state_of(file, id);
    if (state != kAbsent) differs[id] = state;
  }
  std::map<Id, std::int64_t> held = differs;
  Stretches stretches;
  std::uint64_t last_call = 0;
  for (std::size_t i = 0; i <= owner.changes.size(); ++i) {
    const bool is_last = i == owner.changes.size();
    if (differs.empty()) stretches.emplace_back(last_call, is_last ? kNever : owner.changes[i].returned);
    if (is_last) break;
    for (const auto& [id, state] : owner.changes[i].states) {
      const auto found = held.find(id);
      const std::int64_t in_file = found == held.end() ? kAbsent : found->second;
      if (state == in_file) {
        differs.erase(id);
      } else {
        differs[id] = in_file;
      }
    }
    last_call = owner.changes[i].called;
  }
  return stretches;
}

// A file is the index at one instant of the call that wrote it: of each thread it holds the changes up to some point,
// none that was begun after the call and all that had returned before; and of two threads what went together.
void check_is_of_one_instant(const World& world, const Saved& saved) {
  const Index file = Index::load(saved.bytes, {});
  check(file.validate().empty(), file.validate());
  Stretches may_be{{saved.called, saved.returned}};
  for (const auto& owner : world.owners) {
    const Stretches of_owner = stretches_of(*owner, file);
    if (!check(!of_owner.empty(), "a file holds what a thread never had at one time")) return;
    Stretches both;
    for (const auto& [begin, end] : may_be) {
      for (const auto& [own_begin, own_end] : of_owner) {
        if (std::max(begin, own_begin) < std::min(end, own_end)) {
          both.emplace_back(std::max(begin, own_begin), std::min(end, own_end));
        }
      }
    }
    may_be = both;
  }
  check(!may_be.empty(), "a file is of no instant of the call that wrote it");
}

void files_are_of_one_instant() {
  constexpr std::size_t kMostFiles = 60;
  World world({Space::Euclidean, Storage::Float32, kDimensions, 8, 40, 1, Codes::Int8}, 4, 250);
  std::atomic<bool> living{true};
  std::vector<Saved> files;
  std::thread saver([&] {
    Dice dice(1);
    while (living) {
      Saved saved{{}, world.clock.now(), 0};
      saved.bytes = bytes_of(world.index);
      saved.returned = world.clock.now();
      if (files.size() < kMostFiles) {
        files.push_back(std::move(saved));
      } else {
        files[dice.below(kMostFiles)] = std::move(saved);
      }
    }
  });
  live(world, 300, seconds() / 4, [&](Owner& owner, Dice& dice) {
    const std::size_t roll = dice.below(100);
    if (roll < 40) return add_some(world, owner, dice);
    if (roll < 75) return remove_some(world, owner, dice);
    if (roll < 98) return mark_one(world, owner, dice);
    world.index.repair(1, {});
  });
  living = false;
  saver.join();
  check(files.size() > 5, "files: " + std::to_string(files.size()));
  for (const Saved& saved : files) check_is_of_one_instant(world, saved);
}

// Rows are removed one by one, in an order that is not that of slots, while all flags are read for a file: it holds the
// first so many removals.
void removals_in_files_have_an_order() {
  constexpr std::size_t kRows = 16'000;
  Index index({Space::Euclidean, Storage::Float32, 4, 2, 4, 1, Codes::None});
  index.add(clustered(kRows, 4, 3).data(), kRows, nullptr, nullptr, {1, {}});
  std::vector<Id> order(kRows / 2);
  for (Id i = 0; i < order.size(); ++i) order[i] = i * 7919 % kRows;  // a prime: no id comes twice
  std::atomic<std::size_t> removed{0};
  std::thread remover([&] {
    for (const Id& id : order) {
      index.remove(&id, 1, true);
      ++removed;
    }
  });
  struct File {
    std::vector<std::byte> bytes;
    std::size_t least, most;
  };
  std::vector<File> files;
  while (removed < order.size() && files.size() < 40) {
    File file{{}, removed, 0};
    file.bytes = bytes_of(index);
    file.most = removed + 1;  // one may be under way
    files.push_back(std::move(file));
  }
  remover.join();
  for (const File& file : files) {
    const Index loaded = Index::load(file.bytes, {});
    const auto end = std::find_if(order.begin(), order.end(), [&loaded](Id id) { return loaded.holds(id); });
    const auto gone = static_cast<std::size_t>(end - order.begin());
    check(gone >= file.least && gone <= file.most, "removals in a file: " + std::to_string(gone));
    check_equal(loaded.counts().live, kRows - gone, "rows that are left, where no later one was removed");
  }
}

// A save that does not go on while `others` is done in another thread: to the end, or until that thread has had its
// turn many times over and waits. Gives whether it had ended.
bool ends_beside_a_save(Index& index, const std::function<void()>& others) {
  std::atomic<bool> has_begun{false}, has_ended{false};
  std::thread writer([&] {
    while (!has_begun) std::this_thread::yield();
    others();
    has_ended = true;
  });
  bool had_ended = false;
  index.write([&](const std::byte*, std::size_t) {
    has_begun = true;
    for (int i = 0; i < 20'000 && !has_ended; ++i) {
      std::this_thread::yield();
      index.counts();
    }
    had_ended = had_ended || has_ended;
  });
  writer.join();
  return had_ended;
}

// What a save keeps for itself is bounded, however long it takes: writers wait for its end rather than let the index
// grow by what they replace.
void an_index_hardly_grows_beside_a_save_that_lasts() {
  constexpr std::size_t kRows = 4000;
  const std::vector<float> vectors = clustered(kRows, 4, 3);
  Index index({Space::Euclidean, Storage::Float32, 4, 2, 4, 1, Codes::None});
  index.add(vectors.data(), kRows, nullptr, nullptr, {1, {}});
  ends_beside_a_save(index, [&] {
    for (std::size_t i = 0; i < kRows; ++i) {
      const Id id = i;
      index.add(&vectors[4 * i], 1, &id, nullptr, {1, {}});
    }
  });
  const std::size_t slots = index.counts().slots;
  // A sixteenth is dead when a repair begins, a 64th dies meanwhile, and a 32nd waits for the save.
  check(slots < kRows + kRows / 16 + kRows / 64 + kRows / 32 + kRows / 32, "slots " + std::to_string(slots));
}

// Nor is there a second plane of codes.
void codes_are_not_fitted_anew_beside_a_save() {
  std::vector<float> vectors = clustered(5000, 4, 3);
  for (std::size_t i = 4 * 2000; i < vectors.size(); ++i) vectors[i] *= 100;
  Index index({Space::Euclidean, Storage::Float32, 4, 2, 4, 1, Codes::Int8});
  index.add(vectors.data(), 2000, nullptr, nullptr, {1, {}});
  check(!ends_beside_a_save(index, [&] { index.add(&vectors[4 * 2000], 3000, nullptr, nullptr, {1, {}}); }),
        "rows far from all others were added while the codes of the first were written");
  check_equal(index.counts().live, std::size_t{5000}, "rows");
}

// --- forks, and what is looked at under no lock ---------------------------------------------------

// A child has the index as it was at one instant, in the midst of whatever was done to it, and can query.
void children_query_beside_writers() {
  World world({Space::Euclidean, Storage::Float32, kDimensions, 8, 40, 1, Codes::Int8}, 3, 250);
  std::atomic<bool> forking{true};
  std::thread writers([&] {
    live(world, 1, 0, [&](Owner& owner, Dice& dice) {
      while (forking) {
        dice.below(5) < 3 ? add_some(world, owner, dice) : remove_some(world, owner, dice);
      }
    });
  });
  for (std::size_t i = 0; i < 8 * (1 + seconds() / 10); ++i) {
    const std::vector<float> query = vector_of(i % world.anchors.size(), 0);
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);  // ends a child that waits for what its parent has
      bool good = true;
      for (const std::size_t ef : {std::size_t{100'000}, std::size_t{60}}) {
        const Answers found = ask(world.index, query, {10, ef, 1, {}});
        const std::set<Id> distinct(found.ids.begin(), found.ids.end());
        good = good && found.counts[0] == 10 && distinct.size() == 10;
        good = good && (ef == 60 || (found.ids[0] == i % world.anchors.size() && found.distances[0] == 0));
      }
      _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child ends as " + std::to_string(status));
  }
  forking = false;
  writers.join();
}

// Numbers of rows are kept from the first row in a free slot on. Whoever lists ids meanwhile finds all in order.
void ids_are_in_order_beside_the_first_row_in_a_free_slot() {
  constexpr std::size_t kRows = 3000;
  const std::vector<float> vectors = clustered(kRows, 4, 3);
  for (int turn = 0; turn < 10; ++turn) {
    Index index({Space::Euclidean, Storage::Float32, 4, 2, 4, 1, Codes::None});
    index.add(vectors.data(), kRows, nullptr, nullptr, {1, {}});
    std::vector<Id> gone(300);
    for (Id i = 0; i < gone.size(); ++i) gone[i] = 10 * i;
    index.remove(gone.data(), gone.size(), true);
    index.repair(1, {});
    std::atomic<bool> adding{true};
    std::thread reader([&] {
      do {
        const std::vector<Id> ids = index.ids(false);
        check(std::is_sorted(ids.begin(), ids.end()), "automatic ids ascend in order of insertion");
      } while (adding);
    });
    for (int i = 0; i < 50; ++i) index.add(vectors.data(), 1, nullptr, nullptr, {1, {}});
    adding = false;
    reader.join();
  }
}

// What tells that a row has died is made room for under another lock than statistics are collected under.
void statistics_are_collected_beside_removals() {
  const std::vector<float> vectors = clustered(400, 4, 3);
  for (int turn = 0; turn < 10; ++turn) {
    Index index({Space::Euclidean, Storage::Float32, 4, 2, 4, 1, Codes::None});
    index.add(vectors.data(), 400, nullptr, nullptr, {1, {}});
    std::thread reader([&] {
      for (int i = 0; i < 5; ++i) check(index.stats().rows.slots == 400, "slots");
    });
    for (Id id = 0; id < 20; ++id) index.remove(&id, 1, true);
    reader.join();
  }
}

const Group group{
    "living",
    {{"nobody waits for ever", nobody_waits_for_ever},
     {"whatever a thread sees was there", whatever_a_thread_sees_was_there},
     {"files are of one instant", files_are_of_one_instant},
     {"removals in files have an order", removals_in_files_have_an_order},
     {"an index hardly grows beside a save that lasts", an_index_hardly_grows_beside_a_save_that_lasts},
     {"codes are not fitted anew beside a save", codes_are_not_fitted_anew_beside_a_save},
     {"children query beside writers", children_query_beside_writers},
     {"ids are in order beside the first row in a free slot", ids_are_in_order_beside_the_first_row_in_a_free_slot},
     {"statistics are collected beside removals", statistics_are_collected_beside_removals}}};

}  // namespace
}  // namespace nearfield::test
