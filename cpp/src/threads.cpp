#include "threads.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace nearfield {
namespace {

constexpr std::size_t kMaxThreads = 256;

// One parallel_for in flight. Workers hold it by shared_ptr, so a worker that wakes late finds it
// finished instead of gone.
struct Job {
  std::size_t items;
  const std::function<void(std::size_t, std::size_t)>* body;  // valid while running > 0 or the caller waits
  std::atomic<std::size_t> next{0};                           // first item not handed out
  std::atomic<std::size_t> done{0};                           // items finished
  std::atomic<std::size_t> worker{1};                         // next worker number
  std::mutex mutex;                                           // protects running and error
  std::condition_variable idle;
  std::size_t running = 0;  // pool threads inside work()
  bool closed = false;      // no further pool thread may begin
  std::exception_ptr error;
};

void work(Job& job, std::size_t worker, const Poll& poll) {
  try {
    while (true) {
      const std::size_t item = job.next.fetch_add(1, std::memory_order_relaxed);
      if (item >= job.items) return;
      (*job.body)(worker, item);
      const std::size_t done = job.done.fetch_add(1, std::memory_order_relaxed) + 1;
      if (poll) poll(done, job.items);
    }
  } catch (...) {
    job.next.store(job.items, std::memory_order_relaxed);
    const std::scoped_lock lock(job.mutex);
    if (!job.error) job.error = std::current_exception();
  }
}

thread_local bool inside_body = false;

// For as long as the caller of a loop works on it itself.
class InsideBody {
 public:
  InsideBody() : before_(inside_body) { inside_body = true; }
  InsideBody(const InsideBody&) = delete;
  InsideBody& operator=(const InsideBody&) = delete;
  ~InsideBody() { inside_body = before_; }

 private:
  bool before_;
};

class Pool {
 public:
  // Offer a job to `helpers` threads, or to fewer where the system gives no more: the caller works too.
  void offer(const std::shared_ptr<Job>& job, std::size_t helpers) noexcept {
    {
      const std::scoped_lock lock(mutex_);
      try {
        while (threads_ < helpers && threads_ < kMaxThreads) {
          std::thread(&Pool::run, this).detach();
          ++threads_;
        }
      } catch (...) {  // no more threads, or no memory for one
      }
      try {
        for (std::size_t i = 0; i < std::min(helpers, threads_); ++i) queue_.push_back(job);
      } catch (...) {  // no memory to queue it
      }
    }
    wake_.notify_all();
  }

  std::mutex& mutex() { return mutex_; }

 private:
  void run() {
    inside_body = true;
    while (true) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !queue_.empty(); });
        job = std::move(queue_.front());
        queue_.pop_front();
      }
      {
        const std::scoped_lock lock(job->mutex);
        if (job->closed) continue;
        ++job->running;
      }
      work(*job, job->worker.fetch_add(1, std::memory_order_relaxed), {});
      const std::scoped_lock lock(job->mutex);
      --job->running;
      job->idle.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::size_t threads_ = 0;
};

// The pool is never destroyed: its threads may still wait in it when static objects go. After a fork
// the child has none of the parent's threads, so it begins with a new pool (the old one is left as it
// stood). The lock is taken around the fork so that the child never inherits it half-held.
Pool* the_pool = nullptr;

Pool& pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    the_pool = std::make_unique<Pool>().release();
    pthread_atfork([] { the_pool->mutex().lock(); }, [] { the_pool->mutex().unlock(); },
                   [] {
                     the_pool->mutex().unlock();
                     the_pool = std::make_unique<Pool>().release();
                   });
  });
  return *the_pool;
}

}  // namespace

std::uint64_t num_forks() {
  static std::atomic<std::uint64_t> forks{0};
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); }); });
  return forks.load(std::memory_order_relaxed);
}

std::size_t hardware_threads() { return std::max(1u, std::thread::hardware_concurrency()); }

std::size_t resolve_threads(std::size_t num_threads, std::size_t items) {
  const std::size_t wanted = num_threads == 0 ? hardware_threads() : num_threads;
  return std::clamp<std::size_t>(wanted, 1, std::clamp<std::size_t>(items, 1, kMaxThreads));
}

void parallel_for(std::size_t items, std::size_t num_threads, const std::function<void(std::size_t, std::size_t)>& body,
                  const Poll& poll) {
  const std::size_t threads = inside_body ? 1 : resolve_threads(num_threads, items);
  if (threads == 1) {
    const InsideBody inside;
    for (std::size_t item = 0; item < items; ++item) {
      body(0, item);
      if (poll) poll(item + 1, items);
    }
    return;
  }
  const auto job = std::make_shared<Job>();
  job->items = items;
  job->body = &body;
  pool().offer(job, threads - 1);
  {
    const InsideBody inside;
    work(*job, 0, poll);
  }

  std::unique_lock lock(job->mutex);
  job->closed = true;
  const auto finished = [&] { return job->running == 0; };
  while (!job->idle.wait_for(lock, std::chrono::milliseconds(50), finished)) {
    if (!poll || job->error) continue;
    lock.unlock();
    try {
      poll(job->done.load(std::memory_order_relaxed), items);
    } catch (...) {
      job->next.store(items, std::memory_order_relaxed);
      lock.lock();
      if (!job->error) job->error = std::current_exception();
      continue;
    }
    lock.lock();
  }
  // Taken out of the job, which a late pool thread may still hold: an exception that belongs to Python must
  // not die on a thread of ours.
  if (job->error) std::rethrow_exception(std::exchange(job->error, nullptr));
}

}  // namespace nearfield
