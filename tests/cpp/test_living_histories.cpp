// Rows that many threads change at once: what each thread saw of an id must have an order (history.h).
#include <atomic>
#include <barrier>
#include <cmath>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "history.h"
#include "living.h"
#include "nearfield/error.h"

namespace nearfield::test {
namespace {

void the_search_for_an_order_tells_good_from_bad() {
  const Operation put1{Act::Put, 1, true, 1, 4}, put2{Act::Put, 2, true, 2, 5};
  const auto read = [](std::int64_t value, std::uint64_t called, std::uint64_t returned) {
    return Operation{Act::Read, value, true, called, returned};
  };
  const auto good = [](std::vector<Operation> history, const char* what) {
    check(is_linearizable(std::move(history)), std::string("explained: ") + what);
  };
  const auto bad = [](std::vector<Operation> history, const char* what) {
    check(!is_linearizable(std::move(history)), std::string("not explained: ") + what);
  };
  good({}, "nothing");
  good({read(kAbsent, 1, 2)}, "absent at first");
  bad({read(7, 1, 2)}, "from nowhere");
  good({put1, put2, read(1, 6, 7), read(1, 8, 9)}, "either of two may be the last");
  good({put1, put2, read(2, 6, 7)}, "the other");
  bad({put1, put2, read(1, 6, 7), read(2, 8, 9)}, "back again");
  bad({put1, put2, read(kAbsent, 6, 7)}, "forgotten");
  good({put1, read(kAbsent, 2, 3), read(1, 5, 6)}, "read before it is put");
  bad({put1, read(1, 2, 3), read(kAbsent, 2, 3), read(1, 5, 6), {Act::Has, 0, false, 5, 6}}, "gone in between");
  good({put1, read(1, 2, 3), read(kAbsent, 2, 3), read(1, 5, 6)}, "two reads beside a put");
  bad({put1, read(1, 2, 3), read(kAbsent, 4, 5)}, "undone: one read after the other");
  good({{Act::Insert, 1, true, 1, 5}, {Act::Insert, 2, false, 2, 6}, read(1, 7, 8)}, "one of two is refused");
  bad({{Act::Insert, 1, true, 1, 5}, {Act::Insert, 2, true, 2, 6}}, "both were told that they were the first");
  bad({{Act::Insert, 1, false, 1, 5}}, "refused for nobody");
  good({put1, {Act::Remove, 0, true, 6, 9}, {Act::Remove, 0, false, 7, 8}}, "one of two removes it");
  bad({put1, {Act::Remove, 0, true, 6, 9}, {Act::Remove, 0, true, 7, 8}}, "both have removed it");
  bad({put1, {Act::Remove, 0, false, 6, 7}}, "it was there");
  good({{Act::Keep, 1, true, 1, 3}, {Act::Keep, 2, true, 2, 4}, read(2, 5, 6)}, "the first is kept");
  bad({{Act::Keep, 1, true, 1, 2}, {Act::Keep, 2, true, 3, 4}, read(2, 5, 6)}, "the second is not");
  good({put1, {Act::Keep, 2, true, 6, 9}, {Act::Remove, 0, true, 7, 8}, read(2, 10, 11)}, "kept once there is room");
  good({put1, {Act::Keep, 2, true, 6, 9}, {Act::Remove, 0, true, 7, 8}, read(kAbsent, 10, 11)}, "or left out before");
  bad({put1, {Act::Keep, 2, true, 6, 7}, {Act::Remove, 0, true, 8, 9}, read(2, 10, 11)}, "kept where there was none");
  std::vector<Operation> many{put1};  // as many orders as 30 reads have: found by what was tried already
  for (int i = 0; i < 30; ++i) many.push_back(read(i % 2 == 0 ? 1 : kAbsent, 2, 3));
  good(many, "many reads beside a put");
  many.push_back(read(kAbsent, 5, 6));
  bad(many, "and one after it");
}

// Rows that all threads change. Their first number is the version, the second tells the id: so a scan for all of them
// reads all at once.
constexpr std::size_t kShared = 8;

std::vector<float> shared_vector(Id id, std::int64_t version) {
  std::vector<float> vector(kDimensions);
  vector[0] = static_cast<float>(version) * kVersionStep;
  vector[1] = static_cast<float>(id);
  return vector;
}

struct Shared {
  Index& index;
  Clock clock{};
  std::atomic<std::int64_t> version{0};  // the last one that anybody has written

  using Log = std::vector<std::pair<Id, Operation>>;

  // A call, and what it says of the ids that it is for.
  template <class Call>
  void record(Log& log, const Call& call) {
    const std::uint64_t called = clock.now();
    Log made = call();
    const std::uint64_t returned = clock.now();
    for (auto& [id, operation] : made) {
      operation.called = called;
      operation.returned = returned;
    }
    log.insert(log.end(), made.begin(), made.end());
  }

  Log add(std::vector<Id> ids, OnConflict on_conflict) {
    Log made;
    std::vector<float> vectors;
    const Act act = on_conflict == OnConflict::Update ? Act::Put
                    : on_conflict == OnConflict::Keep ? Act::Keep
                                                      : Act::Insert;
    for (const Id id : ids) {
      made.push_back({id, {act, ++version, true, 0, 0}});
      const std::vector<float> vector = shared_vector(id, made.back().second.value);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    try {
      index.add(vectors.data(), ids.size(), ids.data(), nullptr, {1, let_others_go_on, on_conflict});
    } catch (const DuplicateId&) {
      made[0].second.good = false;
    }
    return made;
  }

  Log remove(Id id, bool all) {
    bool removed = false;
    try {
      removed = index.remove(&id, 1, all) == 1;
    } catch (const UnknownId&) {
    }
    return {{id, {Act::Remove, 0, removed, 0, 0}}};
  }

  Log get(Id id) {
    std::int64_t value = kAbsent;
    std::vector<float> vector(kDimensions);
    try {
      index.get_vectors(&id, 1, vector.data());
      value = version_in(vector.data());
      check(vector == shared_vector(id, value), "a vector that is written whole");
    } catch (const UnknownId&) {
    }
    return {{id, {Act::Read, value, true, 0, 0}}};
  }

  // From behind all rows of an id, which are therefore nearer the lower their version is.
  Log ask_for(Id id) {
    const Answers found = ask(index, shared_vector(id, 0), {2, 1000, 1, {}});
    std::int64_t value = kAbsent;
    if (found.counts[0] > 0 && found.ids[0] == id) value = std::lround(std::sqrt(found.distances[0]) / kVersionStep);
    check(found.counts[0] < 2 || found.ids[0] != found.ids[1], "one version of a row is found");
    return {{id, {Act::Read, value, true, 0, 0}}};
  }

  Log ask_for_all() {
    const Answers found = ask(index, shared_vector(0, 0), {3 * kShared, 1000, 1, {}});
    std::set<Id> there(found.ids.begin(), found.ids.begin() + found.counts[0]);
    check_equal(there.size(), std::size_t{found.counts[0]}, "one version of each row is found");
    Log made;
    for (Id id = 0; id < kShared; ++id) made.push_back({id, {Act::Has, 0, there.count(id) > 0, 0, 0}});
    return made;
  }

  void do_one_thing(Log& log, Dice& dice) {
    const Id id = dice.below(kShared);
    const std::size_t roll = dice.below(100);
    if (roll < 20) return record(log, [&] { return add({id}, OnConflict::Update); });
    if (roll < 25) return record(log, [&] { return add({id, (id + 1) % kShared}, OnConflict::Update); });
    if (roll < 32) return record(log, [&] { return add({id}, OnConflict::Error); });
    if (roll < 36) return record(log, [&] { return add({id}, OnConflict::Keep); });
    if (roll < 60) return record(log, [&] { return remove(id, roll < 50); });
    if (roll < 68) return record(log, [&] { return get(id); });
    if (roll < 72) return record(log, [&] { return Log{{id, {Act::Has, 0, index.contains(id), 0, 0}}}; });
    if (roll < 92) return record(log, [&] { return ask_for(id); });
    if (roll < 96) return record(log, [&] { return ask_for_all(); });
    if (roll < 97 && may_compact) return index.compact(1, {});
    if (roll < 98) return index.repair(1, {});
    check(Index::load(bytes_of(index), {}).validate().empty(), "a file");
  }
};

// Threads meet at a barrier now and then, so that histories can be cut there.
void every_id_has_one_history() {
  constexpr std::size_t kThreads = 6, kTogether = 12;
  const std::size_t rounds = 1000 + 1000 * seconds();
  Index index({Space::Euclidean, Storage::Float32, kDimensions, 4, 12, 1, Codes::None});
  Shared shared{index};
  std::vector<Shared::Log> logs(kThreads);
  std::barrier meeting(static_cast<std::ptrdiff_t>(kThreads));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Dice dice(t + 7);
      for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < kTogether; ++i) guard([&] { shared.do_one_thing(logs[t], dice); });
        meeting.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (Id id = 0; id < kShared; ++id) {
    std::vector<Operation> history;
    for (const Shared::Log& log : logs) {
      for (const auto& [of, operation] : log) {
        if (of == id) history.push_back(operation);
      }
    }
    check(is_linearizable(history), "no order explains what was seen of id " + std::to_string(id));
  }
  check(index.validate().empty(), index.validate());
}

const Group group{"living",
                  {{"the search for an order tells good from bad", the_search_for_an_order_tells_good_from_bad},
                   {"every id has one history", every_id_has_one_history}}};

}  // namespace
}  // namespace nearfield::test
