#include "columns/plan.h"

#include <algorithm>

namespace nearfield {
namespace {

// Rows that a scan compares in the time in which a walk compares one: it needs no links and keeps no beam.
constexpr double kScanned = 1.5;
// Rows that a walk compares for each that it follows, by places of a row.
constexpr double kNews = 0.8;
// Rows compared on the way down and around, whatever the filter.
constexpr double kLeast = 100;
// A walk that is given up has cost so much more than the least that a scan would have.
constexpr std::uint64_t kGraceDistances = 256;

}  // namespace

Chosen choose_plan(const Outlook& outlook, Plan asked) {
  const std::uint64_t most = outlook.allowed + kGraceDistances;
  if (outlook.allowed == 0) return {Plan::None, 0};
  if (asked != Plan::Auto) return {asked, most};
  // To keep `ef` that may be returned, a walk follows some ef / share.
  const double share =
      static_cast<double>(outlook.allowed) / static_cast<double>(std::max<std::size_t>(1, outlook.rows));
  const double followed = static_cast<double>(outlook.ef) / std::min(1.0, share);
  const double walk = kLeast + followed * kNews * static_cast<double>(outlook.M);
  if (static_cast<double>(outlook.allowed) <= kScanned * walk) return {Plan::Scan, most};
  return {Plan::Sweep, most};
}

}  // namespace nearfield
