#include "columns/kept.h"

#include <bit>
#include <utility>

namespace nearfield {
namespace {

// Below this share of the slots they are listed.
constexpr std::size_t kListedShare = 32;

}  // namespace

FilterProgram::FilterProgram(std::vector<FilterStep> steps)
    : steps_(std::move(steps)), kept_(std::make_unique<Kept>()) {}
FilterProgram::~FilterProgram() = default;

Instant instant_of(const State& state) {
  return {state.identity, state.published.load(), state.census.changes.load(), state.columns.changes};
}

std::shared_ptr<const Passing> passing_of(Allowed allowed, std::size_t slots) {
  auto passing = std::make_shared<Passing>();
  passing->allowed = std::move(allowed);
  if (passing->allowed.count > slots / kListedShare) return passing;
  passing->list.reserve(passing->allowed.count);
  const std::vector<std::uint64_t>& bits = passing->allowed.bits;
  for (std::size_t w = 0; w < bits.size(); ++w) {
    for (std::uint64_t word = bits[w]; word != 0; word &= word - 1) {
      passing->list.push_back(static_cast<Slot>(64 * w + static_cast<std::size_t>(std::countr_zero(word))));
    }
  }
  passing->is_listed = true;
  return passing;
}

std::shared_ptr<const Passing> FilterProgram::Kept::find(const Instant& now) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  return lock.owns_lock() && instant_ == now ? passing_ : nullptr;
}

void FilterProgram::Kept::put(Instant of, std::shared_ptr<const Passing> passing) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  instant_ = std::move(of);
  passing_ = std::move(passing);
}

}  // namespace nearfield
