// The codes that walks compare: fitted, kept, and fitted anew when the data leaves the grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "state.h"
#include "walk/metric.h"
#include "walk/scratch.h"

namespace nearfield {

// The codes of one round of rows. Unless they are kept, what they changed is taken back with them: a round that is not
// published leaves the codes of the others as they were.
class RoundCodes {
 public:
  RoundCodes(State& state, ScratchPool& pool);
  RoundCodes(const RoundCodes&) = delete;
  RoundCodes& operator=(const RoundCodes&) = delete;
  ~RoundCodes();

  // Once, before the slots of a round are linked, whose vectors (and numbers) are written: write their codes. The grid
  // is fitted to all vectors when the first come, when as many more have come as there were, when as many have come as
  // live, and when many more of the new components lie outside than the fit has left there, or more rows than queries
  // compare by their vectors (codes/long_rows.h); if it then differs, all codes are written anew, into a plane of their
  // own that queries see as a whole. Dead rows count for nothing. Depends on the order of rows alone. Where codes are
  // all that the index holds, old rows are there only as codes. A new grid is then fitted to what they stand for and to
  // the last vectors, which are kept, and only when data has drifted.
  void write(const Metric& metric, std::span<const Slot> round, std::size_t num_threads);

  // When the rows are published. Takes no memory.
  void keep();

 private:
  void swap_in(std::unique_ptr<CodePlane> codes);
  void retire(std::unique_ptr<CodePlane> codes);

  State& state_;
  ScratchPool& pool_;
  std::unique_ptr<CodePlane> before_;  // what was replaced; queries may still read it
  bool replaces_ = false;
  bool is_kept_ = false;
  std::uint64_t num_fitted_;       // of the plane before
  std::uint64_t num_outside_ = 0;  // components of the new rows outside of the grid
  std::size_t num_long_;           // of the plane before
};

// Count what of the live rows lies outside of the present grid anew, as if they had come one after the other, and list
// their long rows. Where codes are all that the index holds, the old count stays.
void recount_outside(State& state, const Metric& metric, std::size_t num_threads);

// Whether the round that ends at `last` is the one with which an index of codes alone lets all vectors go but the last.
bool lets_vectors_go(const State& state, std::size_t last);
// Copy the last vectors, those that stay, to `recent`. `published` counts the rows of the round as well.
void copy_recent(const State& state, std::size_t last, std::uint64_t published, Plane& recent);

// Free code planes that no query reads any more.
void free_retired_codes(State& state, const ScratchPool& pool);

}  // namespace nearfield
