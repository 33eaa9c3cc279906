// The loop on the thread pool: every item once, errors come home, nested calls, fork.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "check.h"
#include "threads.h"

namespace nearfield::test {
namespace {

void every_item_runs_once() {
  for (const std::size_t items : {0u, 1u, 2u, 7u, 1000u}) {
    for (const std::size_t threads : {0u, 1u, 2u, 5u}) {
      std::vector<std::atomic<int>> runs(items);
      const std::size_t workers = resolve_threads(threads, items);
      parallel_for(items, threads, [&](std::size_t worker, std::size_t item) {
        check(worker < workers, "a worker's number is below the number of threads");
        ++runs[item];
      });
      for (const std::atomic<int>& run : runs) check_equal(run.load(), 1, "runs of an item");
    }
  }
}

void the_first_exception_comes_home() {
  for (const std::size_t threads : {1u, 4u}) {
    std::atomic<std::size_t> begun{0};
    std::atomic<bool> throws{false};
    const auto loop = [&] {
      parallel_for(100'000, threads, [&](std::size_t, std::size_t item) {
        ++begun;
        // Or others might do all that is left while the thread with item five waits for its turn.
        while (item > 5 && !throws) std::this_thread::yield();
        if (item == 5) throws = true;
        if (item == 5) throw std::runtime_error("item five");
      });
    };
    check_throws<std::runtime_error>(loop, "item five");
    check(begun < 100'000, "the items after an exception are left out");
  }
}

void poll_is_called_on_the_caller_and_may_stop() {
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<std::size_t> begun{0};
  std::size_t polls = 0;
  const Poll poll = [&](std::size_t done, std::size_t total) {
    check(std::this_thread::get_id() == caller, "poll runs on the caller's thread");
    check(done <= total, "done is at most the total");
    if (++polls == 3) throw std::runtime_error("stop");
  };
  const auto loop = [&] { parallel_for(1'000'000, 2, [&](std::size_t, std::size_t) { ++begun; }, poll); };
  check_throws<std::runtime_error>(loop, "stop");
  check(begun < 1'000'000, "a poll that throws ends the loop");
}

void a_loop_in_a_loop_runs() {
  std::atomic<std::size_t> sum{0};
  parallel_for(8, 4, [&](std::size_t, std::size_t) {
    parallel_for(16, 4, [&](std::size_t worker, std::size_t item) {
      check_equal(worker, std::size_t{0}, "the worker of a nested loop, which runs on its own thread alone");
      sum += item;
    });
  });
  check_equal(sum.load(), 8u * 120u, "sum over nested loops");
}

void many_callers_share_the_pool() {
  std::atomic<std::size_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) parallel_for(20, 3, [&](std::size_t, std::size_t i) { sum += i; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  check_equal(sum.load(), 4u * 50u * 190u, "sum over four callers");
}

// The child of a process whose pool has threads begins with none of them and still finishes its loops.
void a_forked_child_can_loop() {
  parallel_for(64, 4, [](std::size_t, std::size_t) {});
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<std::size_t> runs{0};
    parallel_for(64, 4, [&](std::size_t, std::size_t) { ++runs; });
    _exit(runs == 64 ? 0 : 1);
  }
  int status = -1;
  check(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
        "the child's loop ran all of its items");
  std::atomic<std::size_t> runs{0};
  parallel_for(64, 4, [&](std::size_t, std::size_t) { ++runs; });
  check_equal(runs.load(), 64u, "items of the parent's loop after the fork");
}

const Group group{"threads",
                  {{"every item runs once", every_item_runs_once},
                   {"the first exception comes home", the_first_exception_comes_home},
                   {"poll is called on the caller and may stop", poll_is_called_on_the_caller_and_may_stop},
                   {"a loop in a loop runs", a_loop_in_a_loop_runs},
                   {"many callers share the pool", many_callers_share_the_pool}}};
// Apart, because qemu's user emulation (7.2) aborts where a forked child of a process with threads starts one.
const Group fork_group{"fork", {{"a child can loop", a_forked_child_can_loop}}};

}  // namespace
}  // namespace nearfield::test
