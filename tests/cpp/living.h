// An index and threads that live with it: what each does to ids of its own, and how what it sees is held against what
// all of them did.
//
// NEARFIELD_LIVING_SECONDS in the environment: how long the main case runs; the others are larger by as much.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "fixtures.h"
#include "history.h"

namespace nearfield::test {

inline constexpr std::uint32_t kDimensions = 24;

inline std::size_t seconds() {
  const char* given = std::getenv("NEARFIELD_LIVING_SECONDS");
  return given == nullptr ? 0 : static_cast<std::size_t>(std::atoi(given));
}

// A row says which version of which id it is: its first number is the version, the others are drawn for the two.
inline constexpr float kVersionStep = 0x1p-16f;

inline std::vector<float> vector_of(Id id, std::int64_t version) {
  std::vector<float> vector(kDimensions);
  const std::uint64_t stream = mix64(id) + static_cast<std::uint64_t>(version);
  for (std::size_t d = 1; d < kDimensions; ++d) vector[d] = uniform(stream, d);
  vector[0] = static_cast<float>(version) * kVersionStep;
  return vector;
}

inline std::int64_t version_in(const float* vector) { return std::lround(vector[0] / kVersionStep); }

// The state of an id in an index that nobody changes, or that nobody but the caller changes.
inline constexpr std::int64_t kMarkedState = -2;

inline std::int64_t state_of(const Index& index, Id id) {
  if (!index.contains(id)) return index.holds(id) ? kMarkedState : kAbsent;
  std::vector<float> vector(kDimensions);
  index.get_vectors(&id, 1, vector.data());
  const std::int64_t version = version_in(vector.data());
  check(vector == vector_of(id, version), "the vector of id " + std::to_string(id) + " is that of a version");
  return version;
}

// A version of an id as queries may have met it: it may be there from `called` on and is from `there` on, until it may
// be gone from `leaves` on and is from `gone` on. A row that is marked is gone; a mark that is taken back begins anew.
struct Life {
  std::int64_t version;
  std::uint64_t called, there = kNever, leaves = kNever, gone = kNever;
};

// A call that changed rows, and the states that it left.
struct Change {
  std::map<Id, std::int64_t> states;
  std::uint64_t called, returned = kNever;
};

// What one thread does to ids of its own, and what it knows of them.
struct Owner {
  std::vector<Id> ids;
  std::map<Id, std::int64_t> states;    // what the index must say; of the thread alone, as the versions
  std::map<Id, std::int64_t> versions;  // the last one
  std::vector<Change> changes;
  std::mutex mutex;  // of the lives
  std::map<Id, std::vector<Life>> lives;
};

struct World {
  explicit World(const IndexConfig& config, std::size_t num_owners, std::size_t ids_each) : index(config) {
    for (std::size_t o = 0; o < num_owners; ++o) {
      owners.push_back(std::make_unique<Owner>());
      // Scattered, as users' keys are, or one behind the other.
      for (std::size_t i = 0; i < ids_each; ++i) {
        const Id id = o % 2 == 0 ? mix64(o * ids_each + i) : 1000 + o * ids_each + i;
        owners[o]->ids.push_back(id);
        owners[o]->states[id] = kAbsent;
        owner_of[id] = o;
      }
    }
    // Some that nobody changes: there is always something to be found.
    constexpr std::size_t kAnchors = 60;
    std::vector<float> vectors;
    for (Id id = 0; id < kAnchors; ++id) {
      const std::vector<float> vector = vector_of(id, 0);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
      anchors.push_back(id);
    }
    index.add(vectors.data(), kAnchors, anchors.data(), nullptr, {1, {}});
  }

  Index index;
  Clock clock;
  std::vector<std::unique_ptr<Owner>> owners;
  std::map<Id, std::size_t> owner_of;
  std::vector<Id> anchors;
};

// A call that changes rows of an owner to `states`, between two looks at the clock.
template <class Call>
void change(World& world, Owner& owner, const std::map<Id, std::int64_t>& states, const Call& call) {
  Change made{states, world.clock.now()};
  {
    const std::scoped_lock lock(owner.mutex);
    for (const auto& [id, state] : states) {
      std::vector<Life>& lives = owner.lives[id];
      if (owner.states[id] >= 0) lives.back().leaves = made.called;
      // A mark that is taken back brings the version back that was there.
      if (state >= 0) lives.push_back({state, made.called});
    }
  }
  call();
  made.returned = world.clock.now();
  const std::scoped_lock lock(owner.mutex);
  for (const auto& [id, state] : states) {
    std::vector<Life>& lives = owner.lives[id];
    if (state >= 0) lives.back().there = made.returned;
    const std::size_t before = lives.size() - (state >= 0 ? 1 : 0);
    if (owner.states[id] >= 0) lives[before - 1].gone = made.returned;
    owner.states[id] = state;
  }
  owner.changes.push_back(std::move(made));
}

// In the midst of an add: so more happens beside it than chance would have.
inline void let_others_go_on(std::size_t, std::size_t) { std::this_thread::yield(); }

inline std::set<Id> pick(Owner& owner, Dice& dice, std::size_t most) {
  std::set<Id> ids;
  for (std::size_t n = 1 + dice.below(most); n > 0; --n) ids.insert(owner.ids[dice.below(owner.ids.size())]);
  return ids;
}

inline void add_some(World& world, Owner& owner, Dice& dice) {
  std::map<Id, std::int64_t> states;
  std::vector<Id> ids;
  std::vector<float> vectors;
  for (const Id id : pick(owner, dice, 40)) {
    states[id] = ++owner.versions[id];
    ids.push_back(id);
    const std::vector<float> vector = vector_of(id, states[id]);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  const AddOptions options{1 + dice.below(2), let_others_go_on};
  change(world, owner, states, [&] { world.index.add(vectors.data(), ids.size(), ids.data(), nullptr, options); });
}

inline void remove_some(World& world, Owner& owner, Dice& dice) {
  std::map<Id, std::int64_t> states;
  std::vector<Id> ids;
  std::size_t held = 0;
  for (const Id id : pick(owner, dice, 30)) {
    held += owner.states[id] != kAbsent;
    states[id] = kAbsent;
    ids.push_back(id);
  }
  change(world, owner, states,
         [&] { check_equal(world.index.remove(ids.data(), ids.size(), false), held, "rows that were removed"); });
}

inline void mark_one(World& world, Owner& owner, Dice& dice) {
  const Id id = owner.ids[dice.below(owner.ids.size())];
  const std::int64_t state = owner.states[id];
  if (state == kAbsent) return;
  if (state == kMarkedState) {
    change(world, owner, {{id, owner.versions[id]}}, [&] { world.index.unmark_deleted(id); });
  } else {
    change(world, owner, {{id, kMarkedState}}, [&] { world.index.mark_deleted(id); });
  }
}

inline void look_up_some(World& world, Owner& owner, Dice& dice) {
  for (const Id id : pick(owner, dice, 5)) {
    check_equal(state_of(world.index, id), owner.states[id], "the state of id " + std::to_string(id));
  }
}

inline double squared_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t d = 0; d < kDimensions; ++d) sum += std::pow(static_cast<double>(a[d]) - b[d], 2);
  return sum;
}

// Every result was there at some instant of the query, at the distance that it has; no id comes twice.
inline void check_results(World& world, const std::vector<float>& query, const Answers& answers, std::uint64_t called,
                          std::uint64_t returned) {
  std::set<Id> distinct;
  for (std::size_t i = 0; i < answers.counts[0]; ++i) {
    const Id id = answers.ids[i];
    const std::string what = "result " + std::to_string(i) + ", id " + std::to_string(id);
    check(distinct.insert(id).second, what + ": twice");
    check(i == 0 || answers.distances[i] >= answers.distances[i - 1], what + ": out of order");
    const auto is_at = [&](std::int64_t version) {
      return world.index.distance(query.data(), vector_of(id, version).data()) == answers.distances[i];
    };
    const auto owner = world.owner_of.find(id);
    if (owner == world.owner_of.end()) {
      check(id < world.anchors.size() && is_at(0), what + ": an anchor as it is");
      continue;
    }
    bool explained = false;
    Owner& its = *world.owners[owner->second];
    const std::scoped_lock lock(its.mutex);
    const std::vector<Life>& lives = its.lives[id];
    for (auto life = lives.rbegin(); life != lives.rend() && !explained && life->gone > called; ++life) {
      explained = life->called < returned && is_at(life->version);
    }
    check(explained, what + ": no version of it was there at that distance");
  }
}

inline bool passes_all(Id) { return true; }

// A scan misses nothing that was there from its beginning to its end, and passes.
template <class Passes = bool (*)(Id)>
void check_nothing_missed(World& world, const std::vector<float>& query, const Answers& answers, std::uint64_t called,
                          std::uint64_t returned, const Passes& passes = passes_all) {
  const std::set<Id> found(answers.ids.begin(), answers.ids.begin() + answers.counts[0]);
  const double furthest = answers.counts[0] < answers.ids.size() ? 1e30 : answers.distances.back() - 1e-4;
  const auto check_found = [&](Id id, std::int64_t version) {
    if (found.count(id) > 0 || !passes(id)) return;
    if (squared_distance(query, vector_of(id, version)) >= furthest) return;
    check(false, "a scan has missed version " + std::to_string(version) + " of id " + std::to_string(id));
  };
  for (const Id id : world.anchors) check_found(id, 0);
  for (const auto& owner : world.owners) {
    const std::scoped_lock lock(owner->mutex);
    for (const auto& [id, lives] : owner->lives) {
      for (auto life = lives.rbegin(); life != lives.rend() && life->gone > called; ++life) {
        if (life->there < called && life->leaves > returned) check_found(id, life->version);
      }
    }
  }
}

inline void query_one(World& world, Dice& dice) {
  const Owner& other = *world.owners[dice.below(world.owners.size())];
  const std::vector<float> query = dice.below(3) == 0 ? vector_of(dice.next(), 0)
                                                      : vector_of(other.ids[dice.below(other.ids.size())],
                                                                  1 + static_cast<std::int64_t>(dice.below(20)));
  const bool scans = dice.below(4) == 0;
  const QueryOptions options{1 + dice.below(20), scans ? std::size_t{1} << 20 : 20 + dice.below(60), 1, {}};
  const std::uint64_t called = world.clock.now();
  const Answers answers = ask(world.index, query, options);
  const std::uint64_t returned = world.clock.now();
  check_equal(std::size_t{answers.counts[0]}, options.k, "results, where some rows are always there");
  check_results(world, query, answers, called, returned);
  if (scans && dice.below(4) == 0) check_nothing_missed(world, query, answers, called, returned);
}

// A file holds what the thread that writes it knows.
inline void save_and_load(World& world, Owner& owner) {
  const Index loaded = Index::load(bytes_of(world.index), {});
  check(loaded.validate().empty(), loaded.validate());
  for (const Id id : owner.ids) check_equal(state_of(loaded, id), owner.states[id], "the state of an id in a file");
}

// Whether cases may compact beside saves: not where these wait for each other, or they would not end.
inline bool may_compact = true;

inline void do_one_thing(World& world, Owner& owner, Dice& dice) {
  const std::size_t roll = dice.below(200);
  if (roll < 50) return add_some(world, owner, dice);
  if (roll < 80) return remove_some(world, owner, dice);
  if (roll < 92) return mark_one(world, owner, dice);
  if (roll < 120) return look_up_some(world, owner, dice);
  if (roll < 194) return query_one(world, dice);
  if (roll < 196) return save_and_load(world, owner);
  if (roll == 196) return world.index.repair(1, {});
  if (roll == 197 && may_compact) return world.index.compact(1, {});
  if (roll <= 198) check(world.index.validate().empty(), world.index.validate());
  if (roll == 199) check(world.index.counts().live >= world.anchors.size(), "live rows");
}

// The index is what the owners know, all of it and no more.
inline void check_in_the_end(World& world) {
  Index& index = world.index;
  std::map<Id, std::int64_t> states;
  for (const Id id : world.anchors) states[id] = 0;
  for (const auto& owner : world.owners) {
    for (const auto& [id, state] : owner->states) {
      if (state != kAbsent) states[id] = state;
    }
  }
  std::set<Id> ids;
  std::size_t live = 0;
  for (const auto& [id, state] : states) {
    ids.insert(id);
    live += state >= 0;
    check_equal(state_of(index, id), state, "the state of an id in the end");
  }
  const std::vector<Id> listed = index.ids(true);
  check(listed.size() == ids.size() && std::set<Id>(listed.begin(), listed.end()) == ids, "ids in the end");
  check_equal(index.counts().live, live, "live rows in the end");
  check(index.validate().empty(), index.validate());
  for (const bool repaired : {false, true}) {
    if (repaired) index.repair(1, {});
    const std::size_t slots = index.counts().slots;
    std::size_t missed = 0;
    for (const auto& [id, state] : states) {
      if (state < 0) continue;
      const std::vector<float> query = vector_of(id, state);
      const Answers scanned = ask(index, query, {1, slots, 1, {}});
      check(scanned.ids[0] == id && scanned.distances[0] == 0, "id " + std::to_string(id) + " is found by a scan");
      const Answers walked = ask(index, query, {1, most_walked(index), 1, {}});
      check(walked.counters.hops > 0, "a walk");
      missed += walked.ids[0] != id;
    }
    check(missed == 0, std::to_string(missed) + " rows are not found by walks");
  }
  check_equal(index.counts().removed, std::size_t{0}, "removed rows once all is repaired");
  check(index.validate().empty(), index.validate());
  check_equal(index.stats().unreachable, std::size_t{0}, "rows that nothing leads to");
}

// An error in a thread fails the case.
template <class Body>
void guard(const Body& body) {
  try {
    body();
  } catch (const std::exception& error) {
    check(false, std::string("a thread has thrown: ") + error.what());
  }
}

// Run by each owner in a thread, until the time is over or, without one, for so many turns.
inline void live(World& world, std::size_t turns, std::size_t num_seconds,
                 const std::function<void(Owner& owner, Dice& dice)>& turn) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(num_seconds);
  std::vector<std::thread> threads;
  for (std::size_t o = 0; o < world.owners.size(); ++o) {
    threads.emplace_back([&, o] {
      Dice dice(o + 100);
      for (std::size_t i = 0; num_seconds == 0 ? i < turns : std::chrono::steady_clock::now() < end; ++i) {
        guard([&] { turn(*world.owners[o], dice); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace nearfield::test
