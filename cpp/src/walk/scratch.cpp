#include "walk/scratch.h"

#include <algorithm>
#include <memory>
#include <thread>

#include "codes/grid.h"
#include "threads.h"
#include "walk/beam.h"

namespace nearfield {
namespace {

template <class T>
T* fit_vector(std::vector<T>& vector, std::size_t size) {
  if (vector.size() < size) vector.resize(std::max(size, vector.size() + vector.size() / 2));
  return vector.data();
}

}  // namespace

void Scratch::fit(std::size_t slots, std::size_t wanted, std::size_t places, std::size_t padded) {
  constexpr std::size_t kFrontier = 8192;  // 64 KiB
  constexpr std::size_t kSpare = 8;        // a scan gathers 4 rows whatever `places` is
  const std::size_t words = slots / 64 + 1;
  walk_.beam = fit_vector(beam_, wanted + 2 * kBeamMargin) + kBeamMargin;
  walk_.frontier_capacity = std::min(std::max(kFrontier, 8 * wanted), slots + kSpare);  // a slot enters once
  walk_.frontier = fit_vector(frontier_, walk_.frontier_capacity);
  walk_.visited = fit_vector(visited_, words);
  walk_.num_words = words;
  // Where more were met, all words are cleared in sequence, which is then no dearer. Two hops are looked at at once,
  // and one more has to fit.
  walk_.met_capacity = std::max(words / 2, 4 * (places + 1));
  walk_.met = fit_vector(met_, walk_.met_capacity + kSpare);
  for (std::size_t i = 0; i < 2; ++i) {
    walk_.hops[i].rows = fit_vector(hop_rows_[i], places + kSpare);
  }
  walk_.keys = fit_vector(hop_keys_, places + kSpare);
  walk_.passed = fit_vector(passed_, places + kSpare);
  walk_.picked = fit_vector(picked_, places + kSpare);
  walk_.log_capacity = std::max<std::size_t>(256, 4 * wanted);
  walk_.log = fit_vector(log_, walk_.log_capacity + walk_.log_capacity / 2 + places + kSpare);
  fit_vector(slots_, walk_.log_capacity);
  fit_vector(keys_, walk_.log_capacity);
  sorted_begin_ = fit_vector(sorted_, wanted + 2 * kBeamMargin) + kBeamMargin;
  fit_vector(query_, padded);
  fit_vector(decoded_, query_code_bytes(padded));
  fit_vector(codes_, query_code_bytes(padded) + sizeof(std::int32_t));
}

float* Scratch::decoded_rows(std::size_t padded) { return fit_vector(decoded_rows_, kDecodedRows * padded); }

void Scratch::trim() {
  constexpr std::size_t kMostEntries = std::size_t{1} << 20;
  for (std::vector<std::uint64_t>* entries : {&beam_, &frontier_, &sorted_, &log_, &denied_, &allowed_}) {
    if (entries->size() > kMostEntries) *entries = std::vector<std::uint64_t>();
  }
  for (std::vector<std::uint32_t>* entries : {&slots_, &keys_, &listed_}) {
    if (entries->size() > kMostEntries) *entries = std::vector<std::uint32_t>();
  }
  walk_.damaged = false;
}

ScratchPool::ScratchPool() { num_forks(); }  // counted from now on

ScratchPool::~ScratchPool() {
  for (Place* place = first_.load(); place != nullptr;) {
    const std::unique_ptr<Place> owned(place);
    place = owned->next;
  }
}

ScratchPool::Lease::~Lease() {
  if (place_ == nullptr) return;
  place_->scratch.trim();
  place_->since.store(0, std::memory_order_release);
  place_->lent.store(false, std::memory_order_release);  // what was written here goes with it to the next borrower
}

// Announced before the borrower loads any pointer of the index; both, and the writer's side, in the one order that all
// threads agree on. So a writer that finds nobody announced has published before the next borrower looks.
ScratchPool::Lease ScratchPool::lend() {
  Place* found = nullptr;
  for (Place* place = first_.load(std::memory_order_acquire); place != nullptr && found == nullptr;
       place = place->next) {
    if (!place->lent.load(std::memory_order_relaxed) && !place->lent.exchange(true, std::memory_order_acquire)) {
      found = place;
    }
  }
  if (found == nullptr) {
    found = std::make_unique<Place>().release();
    found->next = first_.load(std::memory_order_relaxed);
    while (!first_.compare_exchange_weak(found->next, found)) {
    }
  }
  found->forks.store(num_forks(), std::memory_order_relaxed);  // before `since`, which says that it holds
  found->since.store(epoch_.load());
  return Lease(*found);
}

std::uint64_t ScratchPool::advance() { return epoch_.fetch_add(1) + 1; }

std::uint64_t ScratchPool::oldest() const {
  const std::uint64_t forks = num_forks();
  std::uint64_t oldest = ~std::uint64_t{0};
  for (const Place* place = first_.load(); place != nullptr; place = place->next) {
    const std::uint64_t since = place->since.load();
    if (since != 0 && place->forks.load(std::memory_order_relaxed) == forks) oldest = std::min(oldest, since);
  }
  return oldest;
}

void ScratchPool::wait_until_left(std::uint64_t epoch) const {
  while (!has_left(epoch)) std::this_thread::yield();
}

}  // namespace nearfield
