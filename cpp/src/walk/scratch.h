// The memory that walks work in: owned here, lent to one walk at a time, reused without allocation; and who is
// walking, so that a writer knows when nobody reads what it has replaced.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "codes/sketch.h"
#include "walk/view.h"

namespace nearfield {

class Scratch {
 public:
  // Make room for walks over `slots` slots with a beam of `wanted` entries, rows of `places` links and queries of
  // `padded` floats. Grows only; O(growth).
  void fit(std::size_t slots, std::size_t wanted, std::size_t places, std::size_t padded);
  // Give back what a query for very many results has left, and forget damage that it has met.
  void trim();

  WalkScratch& walk() { return walk_; }
  float* query() { return query_.data(); }          // `padded` floats, for the prepared query
  unsigned char* codes() { return codes_.data(); }  // its codes, and 4 bytes behind them
  unsigned char* sketch() { return sketch_; }       // of the query, kSketchQueryBytes
  // A row as a query, or a query as numbers of the grid: query_code_bytes floats, which serve for codes too.
  float* decoded() { return decoded_.data(); }
  static constexpr std::size_t kDecodedRows = 4;
  float* decoded_rows(std::size_t padded);                  // that many rows of `padded` floats
  std::uint32_t* slots() { return slots_.data(); }          // log_capacity places, for rows that are compared again
  std::uint32_t* keys() { return keys_.data(); }            // the same
  std::vector<std::uint32_t>& listed() { return listed_; }  // slots that a query may return
  std::vector<std::uint64_t>& denied_cells() { return denied_; }    // for sets of ids that a query is given
  std::vector<std::uint64_t>& allowed_cells() { return allowed_; }  // the same
  std::uint64_t* sorted() { return sorted_begin_; }                 // a beam for `wanted`

 private:
  WalkScratch walk_;
  std::vector<std::uint64_t> beam_, frontier_, visited_, sorted_, picked_, log_, denied_, allowed_;
  std::vector<std::uint32_t> met_, passed_, hop_keys_, slots_, keys_, listed_;
  std::vector<const unsigned char*> hop_rows_[2];
  std::vector<float> query_, decoded_, decoded_rows_;
  std::vector<unsigned char> codes_;
  alignas(64) unsigned char sketch_[kSketchQueryBytes] = {};
  std::uint64_t* sorted_begin_ = nullptr;
};

// Lends scratch memory to any number of threads. No lock: a query never waits for another,
// and a child that is forked while another thread borrows one does not find it locked.
//
// Epochs: a borrower announces the epoch in which it began before it looks at the index. A writer that replaces
// something publishes the new, then calls advance(); what it replaced may be freed once every borrower began in the
// epoch that this returned or later, which is when has_left() says so. Who borrowed before a fork has stayed in the
// parent: in the child his place is lent for ever, since his memory may be in any state, but he reads nothing.
class ScratchPool {
 public:
  ScratchPool();
  ScratchPool(const ScratchPool&) = delete;
  ScratchPool& operator=(const ScratchPool&) = delete;
  ~ScratchPool();

 private:
  // One piece of scratch memory; lives as long as the pool.
  struct alignas(64) Place {
    Scratch scratch;
    std::atomic<bool> lent{true};
    std::atomic<std::uint64_t> since{0};  // the epoch in which the borrower began; 0 = not lent
    std::atomic<std::uint64_t> forks{0};  // num_forks() of the borrower
    Place* next = nullptr;
  };

 public:
  class Lease {
   public:
    Lease() = default;  // of nothing
    explicit Lease(Place& place) : place_(&place) {}
    Lease(Lease&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(place_, other.place_);
      return *this;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    Scratch& operator*() const { return place_->scratch; }
    Scratch* operator->() const { return &place_->scratch; }

   private:
    Place* place_ = nullptr;
  };

  Lease lend();
  std::uint64_t advance();  // returns the epoch that begins now
  // The epoch in which the first of the present borrowers began; beyond all where there are none. Who borrows may
  // announce an epoch that has just passed, though he looks at the index after that: so this may fall again, and what
  // belongs together is judged by one value of it.
  std::uint64_t oldest() const;
  bool has_left(std::uint64_t epoch) const { return oldest() >= epoch; }
  void wait_until_left(std::uint64_t epoch) const;  // never from a thread that borrows

 private:
  std::atomic<Place*> first_{nullptr};
  std::atomic<std::uint64_t> epoch_{1};
};

}  // namespace nearfield
