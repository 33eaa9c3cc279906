// The one thread pool of the process, and the loop that runs on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "nearfield/types.h"

namespace nearfield {

std::size_t hardware_threads();  // at least 1

// How many forks lie between the process that first asked and this one. About a nanosecond.
std::uint64_t num_forks();

// num_threads as the user gave it (0 = all cores), cut to the number of items and to kMaxThreads.
std::size_t resolve_threads(std::size_t num_threads, std::size_t items);

// Run body(worker, i) for every i in [0, items), each exactly once, on up to num_threads threads
// (0 = all cores), the caller among them as worker 0. Items are handed out one by one, so no
// result may depend on which worker runs which item. The first exception stops the loop and comes home;
// items not yet begun are then not run. poll(done, items) is called on the caller's thread between its items
// and while it waits at the end.
//
// The pool starts threads when they are first needed and keeps them. It survives fork: a child begins
// with an empty pool. Calls from several threads share the pool and do not wait for each other; a call
// from inside a body runs on its own thread alone.
void parallel_for(std::size_t items, std::size_t num_threads,
                  const std::function<void(std::size_t worker, std::size_t item)>& body, const Poll& poll = {});

}  // namespace nearfield
