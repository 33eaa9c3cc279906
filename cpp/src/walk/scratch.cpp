#include "walk/scratch.h"

#include <algorithm>

namespace nearfield {
namespace {

template <class T>
T* fit_vector(std::vector<T>& vector, std::size_t size) {
  if (vector.size() < size) vector.resize(std::max(size, vector.size() + vector.size() / 2));
  return vector.data();
}

}  // namespace

std::size_t beam_for(std::size_t ef, std::size_t hidden) {
  return ef + std::min(hidden, std::max<std::size_t>(4096, 8 * ef));
}

void Scratch::fit(std::size_t slots, std::size_t beam, std::size_t ef, std::size_t places, std::size_t padded) {
  constexpr std::size_t kSpare = 8;  // a scan gathers 4 rows whatever `places` is
  const std::size_t words = slots / 64 + 1;
  walk_.beam = fit_vector(beam_, std::max(beam, ef));
  walk_.found = fit_vector(found_, ef);
  walk_.visited = fit_vector(visited_, words);
  walk_.touched = fit_vector(touched_, words + 1);  // one place is written before it is known to be needed
  walk_.slots = fit_vector(slots_, places + kSpare);
  walk_.rows = fit_vector(rows_, places + kSpare);
  walk_.distances = fit_vector(distances_, places + kSpare);
  fit_vector(query_, padded);
  fit_vector(decoded_, padded);
  walk_.beam_capacity = beam;
  walk_.damaged = false;
}

void Scratch::trim() {
  constexpr std::size_t kMostEntries = std::size_t{1} << 20;
  for (std::vector<std::uint64_t>* entries : {&beam_, &found_}) {
    if (entries->size() > kMostEntries) *entries = std::vector<std::uint64_t>();
  }
}

ScratchPool::~ScratchPool() {
  for (std::atomic<Scratch*>& place : idle_) const std::unique_ptr<Scratch> owned(place.load());
}

ScratchPool::Lease ScratchPool::lend() {
  for (std::atomic<Scratch*>& place : idle_) {
    if (place.load(std::memory_order_relaxed) == nullptr) continue;
    // Acquire, as giving back is a release: what the last borrower wrote comes with it.
    if (Scratch* scratch = place.exchange(nullptr, std::memory_order_acquire)) {
      return {*this, std::unique_ptr<Scratch>(scratch)};
    }
  }
  return {*this, std::make_unique<Scratch>()};
}

void ScratchPool::give_back(std::unique_ptr<Scratch> scratch) {
  scratch->trim();
  for (std::atomic<Scratch*>& place : idle_) {
    Scratch* none = nullptr;
    if (place.compare_exchange_strong(none, scratch.get(), std::memory_order_release, std::memory_order_relaxed)) {
      static_cast<void>(scratch.release());
      return;
    }
  }
}

}  // namespace nearfield
