#include "codes/pairs.h"

#include <algorithm>
#include <string>

#include "nearfield/error.h"

namespace nearfield {
namespace {

// 4 bits do not serve inner products: rows of very different length on one grid, recall@10 ends at .8 and less.
constexpr Pair kPairs[] = {
    {Storage::Float32, Codes::None, true},  {Storage::Float32, Codes::Int8, true},
    {Storage::Float32, Codes::Int4, false}, {Storage::Float8, Codes::None, true},
    {Storage::Float8, Codes::Int8, true},   {Storage::Float8, Codes::Int4, false},
    {Storage::E4M3, Codes::None, true},     {Storage::E4M3, Codes::Int8, true},
    {Storage::E4M3, Codes::Int4, false},
};

// From here on half the bytes are worth more than their rounding costs.
constexpr std::uint32_t kFourBitsFrom = 192;  // dimensions

Codes automatic(const IndexConfig& config) {
  // 8-bit storages are chosen for their size, which codes would raise by half or double.
  if (config.storage != Storage::Float32 || config.dimensions > kMaxCodedDimensions) return Codes::None;
  return config.space != Space::InnerProduct && config.dimensions >= kFourBitsFrom ? Codes::Int4 : Codes::Int8;
}

}  // namespace

std::span<const Pair> legal_pairs() { return kPairs; }

Codes resolve_codes(const IndexConfig& config) {
  if (config.codes == Codes::Auto) return automatic(config);
  if (config.codes == Codes::None) return Codes::None;
  if (config.dimensions > kMaxCodedDimensions) {
    throw InvalidInput("codes are asked for with " + std::to_string(config.dimensions) +
                       " dimensions; expected at most " + std::to_string(kMaxCodedDimensions) + ", or codes='none'");
  }
  const bool legal = std::any_of(std::begin(kPairs), std::end(kPairs), [&config](const Pair& pair) {
    return pair.storage == config.storage && pair.codes == config.codes &&
           (pair.inner_products || config.space != Space::InnerProduct);
  });
  if (!legal) {
    throw InvalidInput("codes of " + std::to_string(static_cast<int>(config.codes)) +
                       " bits do not serve inner products: rows differ too much in length; use codes='int8' or 'none'");
  }
  return config.codes;
}

}  // namespace nearfield
