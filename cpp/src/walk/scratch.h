// The memory that walks work in: owned here, lent to one walk at a time, reused without allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
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

// Lends scratches; keeps as many as were ever lent at once.
class ScratchPool {
 public:
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
  void give_back(std::unique_ptr<Scratch> scratch);
  std::mutex mutex_;  // protects idle_
  std::vector<std::unique_ptr<Scratch>> idle_;
};

}  // namespace nearfield
