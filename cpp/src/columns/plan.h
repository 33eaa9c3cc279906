// How a filtered query is answered: by counts alone, so that equal input gives equal output.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nearfield/filter.h"

namespace nearfield {

// What is known of a query before it is answered.
struct Outlook {
  std::size_t rows = 0;     // that could be returned without the filter
  std::size_t allowed = 0;  // that may be returned; at most so many, where they are not counted
  std::size_t k = 1;
  std::size_t ef = 1;  // at least k
  std::size_t M = 12;
  double share() const;  // of the rows that are allowed, 0 to 1
};

struct Chosen {
  Plan plan;
  std::uint64_t most_distances;  // after which a walk is given up: then all that may be returned are compared
};

// Auto chooses; another plan is taken as it is, but that nothing is left to do where nothing is allowed.
Chosen choose_plan(const Outlook& outlook, Plan asked);

}  // namespace nearfield
