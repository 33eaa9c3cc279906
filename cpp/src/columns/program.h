// A filter expression as the core reads it: tests of columns, put together by and, or and not; and what it lets
// through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "column.h"
#include "columns/allowed.h"
#include "nearfield/filter.h"
#include "walk/reading.h"

namespace nearfield {

// A program, and the columns that it reads, at one instant. Made under the id lock, read without it.
class BoundProgram {
 public:
  // Throws InvalidInput where a column is not there or of a type that its test does not serve.
  BoundProgram(std::span<const FilterStep> steps, const Columns& columns);
  ~BoundProgram();
  BoundProgram(BoundProgram&&) noexcept;

  // Take from `allowed` the slots that it does not let through. About a nanosecond a slot and test.
  void keep_passing(Allowed& allowed, const Reading& reading) const;

 private:
  struct Step;
  std::vector<Step> steps_;
  std::size_t depth_ = 0;  // results that wait for each other at most
};

}  // namespace nearfield
