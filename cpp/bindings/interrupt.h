// Ctrl-C and progress during long work: the core calls a Poll on the caller's thread between steps.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>

#include "nearfield/types.h"

namespace nearfield::bindings {

// A Poll that looks at pending signals, and reports to `progress` if it is not None, at most every 50 ms (and at
// the end). Called without the GIL, which it takes for those moments.
inline Poll interruptible(pybind11::object progress) {
  using Clock = std::chrono::steady_clock;
  return [progress = std::move(progress), last = Clock::now(), ended = false](std::size_t done,
                                                                              std::size_t total) mutable {
    const Clock::time_point now = Clock::now();
    const bool ends = done == total && !ended && !progress.is_none();
    if (now - last < std::chrono::milliseconds(50) && !ends) return;
    last = now;
    ended = done == total;
    const pybind11::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
    if (!progress.is_none()) progress(done, total);
  };
}

}  // namespace nearfield::bindings
