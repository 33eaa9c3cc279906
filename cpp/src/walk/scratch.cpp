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

ScratchPool::Lease ScratchPool::lend() {
  {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Scratch> scratch = std::move(idle_.back());
      idle_.pop_back();
      return {*this, std::move(scratch)};
    }
  }
  return {*this, std::make_unique<Scratch>()};
}

void ScratchPool::give_back(std::unique_ptr<Scratch> scratch) {
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(scratch));
}

}  // namespace nearfield
