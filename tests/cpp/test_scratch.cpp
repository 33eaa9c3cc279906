// The epochs of borrowed memory: when what a writer has replaced may go.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "walk/scratch.h"

namespace nearfield::test {
namespace {

void an_epoch_ends_when_its_last_reader_leaves() {
  ScratchPool pool;
  check(pool.has_left(pool.advance()), "nobody was there");
  std::optional<ScratchPool::Lease> old(pool.lend());
  const std::uint64_t epoch = pool.advance();
  check(!pool.has_left(epoch), "one began before");
  std::optional<ScratchPool::Lease> young(pool.lend());
  check(!pool.has_left(epoch), "a younger one changes nothing");
  const std::uint64_t later = pool.advance();
  old.reset();
  check(pool.has_left(epoch), "the old one has left; the younger began in the epoch itself");
  check(!pool.has_left(later), "but before the one after it");
  old.emplace(pool.lend());  // the place of the one that left
  check(pool.has_left(epoch), "a place that is lent again counts from now on");
  check(!pool.has_left(later), "the younger one is still there");
  ScratchPool::Lease moved(std::move(*young));
  young.reset();
  check(!pool.has_left(later), "a lease that was moved is one lease");
  { const ScratchPool::Lease taken(std::move(moved)); }
  check(pool.has_left(later), "all have left");
}

// A writer replaces a number that readers look at through a pointer, and frees what nobody reads any more: the
// address sanitizer and the thread sanitizer watch.
void nothing_is_freed_under_a_reader() {
  struct Value {
    std::uint64_t number, twice;
  };
  struct Retired {
    std::uint64_t epoch;
    std::unique_ptr<Value> value;
  };
  ScratchPool pool;
  auto owned = std::make_unique<Value>(Value{1, 2});
  std::atomic<const Value*> shared{owned.get()};
  std::atomic<bool> writing{true};
  std::atomic<std::uint64_t> reads{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (writing || reads < 1000) {
        const ScratchPool::Lease lease = pool.lend();
        const Value* value = shared.load();
        lease->fit(64, 1, 1, 16);
        lease->query()[0] = static_cast<float>(value->number);
        check_equal(value->twice, 2 * value->number, "a value as it was written");
        check(value->number >= last, "values do not go back");
        last = value->number;
        reads.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  std::vector<Retired> retired;
  std::size_t freed = 0;
  for (std::uint64_t number = 2; number < 3000; ++number) {
    auto next = std::make_unique<Value>(Value{number, 2 * number});
    shared.store(next.get());
    std::swap(owned, next);
    retired.push_back({pool.advance(), std::move(next)});
    freed += std::erase_if(retired, [&](const Retired& old) { return pool.has_left(old.epoch); });
    if (number % 64 == 0) std::this_thread::yield();
  }
  writing = false;
  for (std::thread& reader : readers) reader.join();
  freed += std::erase_if(retired, [&](const Retired& old) { return pool.has_left(old.epoch); });
  check(retired.empty() && freed == 2998, "freed in the end: " + std::to_string(freed));
}

// Who borrowed before a fork reads in the parent alone; who borrows in the child counts there.
void a_child_does_not_wait_for_the_readers_of_its_parent() {
  ScratchPool pool;
  const ScratchPool::Lease lease = pool.lend();
  const std::uint64_t epoch = pool.advance();
  const pid_t child = fork();
  if (child == 0) {
    bool good = pool.has_left(epoch);
    const ScratchPool::Lease own = pool.lend();
    good = good && !pool.has_left(pool.advance());
    _exit(good ? 0 : 1);
  }
  int status = -1;
  check(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0, "in the child");
  check(!pool.has_left(epoch), "in the parent");
}

const Group group{
    "scratch",
    {{"an epoch ends when its last reader leaves", an_epoch_ends_when_its_last_reader_leaves},
     {"a child does not wait for the readers of its parent", a_child_does_not_wait_for_the_readers_of_its_parent},
     {"nothing is freed under a reader", nothing_is_freed_under_a_reader}}};

}  // namespace
}  // namespace nearfield::test
