// What several threads did to one thing at the same time, and whether any order of it explains what they saw.
//
// The thing is a register that may be absent: a row under one id. Each operation says when it was called and when it
// returned, in numbers of one clock. A history is linearizable (Herlihy and Wing 1990) where every operation can be
// given an instant between the two at which it alone happens. The search is that of Wing and Gong (1993): try each
// operation that no other one precedes, and go on; with Lowe's memory of what was tried (2017): which operations have
// happened and what the register then holds is all that matters for the rest.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "hash.h"

namespace nearfield::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(mix64(seed)) {}
  std::uint64_t next() { return mix64(state_++); }
  std::size_t below(std::size_t end) { return next() % end; }

 private:
  std::uint64_t state_;
};

// One order of all calls and returns.
class Clock {
 public:
  std::uint64_t now() { return time_.fetch_add(1); }

 private:
  std::atomic<std::uint64_t> time_{1};
};

inline constexpr std::uint64_t kNever = ~std::uint64_t{0};
inline constexpr std::int64_t kAbsent = -1;

enum class Act {
  Put,     // writes `value`
  Insert,  // writes `value` where the register is absent; `good`: it did
  Keep,    // the same, but nobody is told
  Remove,  // makes it absent; `good`: it was there
  Has,     // `good`: it is there
  Read,    // `value` is what it holds
};

struct Operation {
  Act act;
  std::int64_t value;
  bool good;
  std::uint64_t called, returned;
};

// What the register holds after an operation that has found it holding `value`; false where it can not have.
inline bool apply(const Operation& operation, std::int64_t& value) {
  const bool there = value != kAbsent;
  switch (operation.act) {
    case Act::Put:
      value = operation.value;
      return true;
    case Act::Insert:
      if (!there) value = operation.value;
      return operation.good != there;
    case Act::Keep:
      if (!there) value = operation.value;
      return true;
    case Act::Remove:
      value = kAbsent;
      return operation.good == there;
    case Act::Has:
      return operation.good == there;
    case Act::Read:
      return operation.value == value;
  }
  return false;
}

// Whether an operation leaves things as they are, whenever it happened.
inline bool only_looks(const Operation& operation) {
  const bool may_refuse = operation.act == Act::Insert || operation.act == Act::Remove;
  return operation.act == Act::Has || operation.act == Act::Read || (may_refuse && !operation.good);
}

using Values = std::set<std::int64_t>;

// What the register may hold after at most 64 operations, by what it may hold before them: nothing where no order
// explains them.
inline Values values_after(std::span<const Operation> operations, const Values& before) {
  using Config = std::pair<std::uint64_t, std::int64_t>;  // a bit for each operation that has happened; the value
  std::set<Config> met;
  std::vector<Config> open;
  const auto meet = [&](Config config) {
    if (met.insert(config).second) open.push_back(config);
  };
  for (const std::int64_t value : before) meet({0, value});
  const std::uint64_t all = operations.size() == 64 ? kNever : (std::uint64_t{1} << operations.size()) - 1;
  Values after;
  while (!open.empty()) {
    const auto [happened, value] = open.back();
    open.pop_back();
    if (happened == all) after.insert(value);
    std::uint64_t first_return = kNever;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      if ((happened >> i & 1) == 0) first_return = std::min(first_return, operations[i].returned);
    }
    std::vector<Config> next;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      if ((happened >> i & 1) != 0 || operations[i].called > first_return) continue;
      Config config{happened | std::uint64_t{1} << i, value};
      if (!apply(operations[i], config.second)) continue;
      // What only looks may as well look now: whatever order there is for the rest, there is with it before.
      const bool looks = only_looks(operations[i]);
      if (looks) next.clear();
      next.push_back(config);
      if (looks) break;
    }
    for (const Config& config : next) meet(config);
  }
  return after;
}

// Whether some order explains a history, which begins absent. Where nothing was under way it is cut: each piece begins
// with what the one before may have left. Pieces of more than 64 operations count as no history.
inline bool is_linearizable(std::vector<Operation> history) {
  std::sort(history.begin(), history.end(), [](const Operation& a, const Operation& b) { return a.called < b.called; });
  Values values{kAbsent};
  std::size_t first = 0;
  std::uint64_t last_return = 0;
  for (std::size_t i = 0; i <= history.size(); ++i) {
    if (i > first && (i == history.size() || history[i].called > last_return)) {
      if (i - first > 64) return false;
      values = values_after(std::span(history).subspan(first, i - first), values);
      first = i;
    }
    if (i < history.size()) last_return = std::max(last_return, history[i].returned);
  }
  return !values.empty();
}

}  // namespace nearfield::test
