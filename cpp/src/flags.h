// What a slot is: the bits of its flags, for the walks as well, so nothing here is more than a number.
//
// The life of a slot:
//
//   a row (0)  ->  dead  ->  leaving  ->  unlinked  ->  free  ->  newborn  ->  a row (0)
//   ^                remove,    a repair     the repair    every        an add      every query
//   add              or a later has begun    has ended:    query of     takes it    that began
//                    add of     that takes   no link       before has               before has
//                    its id     links to it  leads there   left                     left
//                               away
//
// ARCHITECTURE.md, "Publication", says who may see which. Marked is beside that: hidden by mark_deleted.
#pragma once

#include <cstdint>

namespace nearfield {

inline constexpr std::uint8_t kMarked = 1;     // hidden by mark_deleted; the id still resolves
inline constexpr std::uint8_t kDead = 2;       // removed, or overwritten by a later slot of the same id: for good
inline constexpr std::uint8_t kDoomed = 4;     // about to be overwritten: still found, but no new link. Never saved
inline constexpr std::uint8_t kNewborn = 8;    // some query that is on its way began before this row. Never saved
inline constexpr std::uint8_t kLeaving = 16;   // with kDead: no link leads here from slots that the repair has passed
inline constexpr std::uint8_t kUnlinked = 32;  // with kDead: no link leads here. Saved as kFree
inline constexpr std::uint8_t kFree = 64;      // alone: holds no row, nobody reads it, the next add takes it

inline constexpr std::uint8_t kHidden = kMarked | kDead | kFree;  // never in a result
inline constexpr std::uint8_t kAway = kHidden | kNewborn;         // what a query has to look at

}  // namespace nearfield
