#include "columns/plan.h"

#include <algorithm>

namespace nearfield {
namespace {

// Figures: AMD EPYC (Zen 5), one core, 2026-11-27; 62,666 x 384 text on 4 bits and 1,000,000 x 128 on 8 bits, M=12,
// k=10, random filters of .5 to .01 and such of rows near to the query or far from it.

// Rows that a scan compares in the time in which a walk compares one: it reads no links and keeps no heap. 13 to 17 ns
// by 8 to 11.
constexpr double kScanned = 1.5;
// Rows that a walk compares for each that it follows, by M: 12.6 to 13.3 at M=12.
constexpr double kNews = 1.05;
// Rows compared on the way down and around, whatever the filter.
constexpr double kLeast = 250;
// A walk is given up where it has compared so many times as many rows as it should have, and this part of those that a
// scan would. Filters that leave out all that is near to the query take up to 15 % of them where half passes, 7 % where
// nine in ten do; where one in ten passes a walk would take longer than the scan.
constexpr double kPatience = 3;
constexpr double kPart = 0.25;
// So few more do not matter.
constexpr double kGrace = 256;

}  // namespace

double Outlook::share() const {
  return rows == 0 ? 1 : std::min(1.0, static_cast<double>(allowed) / static_cast<double>(rows));
}

Chosen choose_plan(const Outlook& outlook, Plan asked) {
  if (outlook.allowed == 0) return {Plan::None, 0};
  // To keep so many that may be returned, a walk follows as many times more as fewer pass.
  const auto k = static_cast<double>(outlook.k);
  const double kept = k + (static_cast<double>(outlook.ef) - k) * outlook.share();
  const double walked = kLeast + kept / outlook.share() * kNews * static_cast<double>(outlook.M);
  const auto scanned = static_cast<double>(outlook.allowed);
  const double most = std::min(scanned, std::max(kPart * scanned, kPatience * walked)) + kGrace;
  const Plan chosen = scanned <= kScanned * walked ? Plan::Scan : Plan::Sweep;
  return {asked == Plan::Auto ? chosen : asked, static_cast<std::uint64_t>(most)};
}

}  // namespace nearfield
