// What a filter expression let through, kept for the next query that asks.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "columns/allowed.h"
#include "nearfield/filter.h"
#include "nearfield/types.h"
#include "state.h"

namespace nearfield {

// All on which it depends what passes. Read under the id lock.
struct Instant {
  std::shared_ptr<const int> state;  // State::identity: of no other as long as somebody keeps it
  std::uint64_t published = 0, flags = 0, columns = 0;
  bool operator==(const Instant&) const = default;
};
Instant instant_of(const State& state);

// Slots of one instant.
struct Passing {
  Allowed allowed;
  std::vector<Slot> list;  // the same, where they are few
  bool is_listed = false;
};
// Listed, if they are few of `slots`.
std::shared_ptr<const Passing> passing_of(Allowed allowed, std::size_t slots);

struct FilterProgram::Kept {
  // Null where it is of another instant, or somebody else is looking: then it is asked anew. Nobody waits, and a child
  // that is forked meanwhile finds at worst a lock that is never free.
  std::shared_ptr<const Passing> find(const Instant& now);
  void put(Instant of, std::shared_ptr<const Passing> passing);

 private:
  std::mutex mutex_;
  Instant instant_;
  std::shared_ptr<const Passing> passing_;
};

}  // namespace nearfield
