// The memory that walks work in: owned here, lent to one walk at a time, reused without allocation.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "walk/view.h"

namespace nearfield {

// Entries that the beam of a walk for ef results needs where `hidden` slots are walked through: so many at most;
// beyond that the furthest are forgotten (and if then too few are found, a query scans).
std::size_t beam_for(std::size_t ef, std::size_t hidden);

class Scratch {
 public:
  // Make room for walks over `slots` slots with a beam of `beam` entries, `ef` results, rows of
  // `places` links and queries of `padded` floats. Grows only; O(growth).
  void fit(std::size_t slots, std::size_t beam, std::size_t ef, std::size_t places, std::size_t padded);
  // Give back what a query for very many results has left.
  void trim();

  WalkScratch& walk() { return walk_; }
  float* query() { return query_.data(); }      // `padded` floats, for the prepared query
  float* decoded() { return decoded_.data(); }  // `padded` floats, for a decoded row

 private:
  std::vector<std::uint64_t> beam_, found_, visited_;
  std::vector<std::uint32_t> touched_, slots_;
  std::vector<const unsigned char*> rows_;
  std::vector<float> distances_, query_, decoded_;
  WalkScratch walk_;
};

// Lends scratches; keeps as many as were ever lent at once, up to kMostIdle. Without a lock: queries wait for nobody,
// and a child that is forked while another thread borrows one does not find it locked.
class ScratchPool {
 public:
  ScratchPool() = default;
  ScratchPool(const ScratchPool&) = delete;
  ScratchPool& operator=(const ScratchPool&) = delete;
  ~ScratchPool();

  class Lease {
   public:
    Lease(ScratchPool& pool, std::unique_ptr<Scratch> scratch) : pool_(pool), scratch_(std::move(scratch)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give_back(std::move(scratch_)); }
    Scratch& operator*() const { return *scratch_; }
    Scratch* operator->() const { return scratch_.get(); }

   private:
    ScratchPool& pool_;
    std::unique_ptr<Scratch> scratch_;
  };

  Lease lend();

 private:
  static constexpr std::size_t kMostIdle = 64;
  void give_back(std::unique_ptr<Scratch> scratch);
  std::array<std::atomic<Scratch*>, kMostIdle> idle_{};  // owned; null = an empty place
};

}  // namespace nearfield
