// Locks that know who holds them, for calls that hand control to the user's code while they are held.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "nearfield/error.h"

namespace nearfield {

using ThreadId = std::atomic<std::thread::id>;

// A mutex that knows its owner: progress callbacks and file objects are called while it is held, and one that calls for
// it again would wait for itself; as would one that is called by a save, for which writers may have to wait (`saver`).
class OwnedMutex {
 public:
  explicit OwnedMutex(const ThreadId& saver) : saver_(saver) {}

  void lock() {
    if (is_mine()) {
      throw InvalidInput(
          "this call comes from a progress callback or a file object of an add or save of the same index, and that "
          "has not ended; there you may query, look up, remove and mark, but not add, save, repair, compact, "
          "validate or ask for statistics");
    }
    mutex_.lock();
    owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  // False where somebody holds it, this thread or another.
  bool try_lock() {
    if (is_mine() || !mutex_.try_lock()) return false;
    owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    return true;
  }
  void unlock() {
    owner_.store({}, std::memory_order_relaxed);
    mutex_.unlock();
  }

 private:
  bool is_mine() const {
    const std::thread::id me = std::this_thread::get_id();
    return owner_.load(std::memory_order_relaxed) == me || saver_.load(std::memory_order_relaxed) == me;
  }

  const ThreadId& saver_;
  std::mutex mutex_;
  ThreadId owner_{};
};

// Says which thread writes a file, as long as it lives.
class Saving {
 public:
  explicit Saving(ThreadId& saver) : saver_(saver) { saver.store(std::this_thread::get_id()); }
  Saving(const Saving&) = delete;
  Saving& operator=(const Saving&) = delete;
  ~Saving() { saver_.store({}); }

 private:
  ThreadId& saver_;
};

}  // namespace nearfield
