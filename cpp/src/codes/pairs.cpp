#include "codes/pairs.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "codes/codes.h"
#include "codes/grid.h"
#include "nearfield/error.h"

namespace nearfield {
namespace {

// 4 bits do not serve inner products: rows of very different length on one grid, recall@10 ends at .8 and less.
// In cosine space codes take rows to be of unit length, which 8-bit storages round by up to 3 %, and 16 bits by less
// than codes themselves do.
constexpr Pair kPairs[] = {
    {Storage::Float32, Codes::None, true, true, true},   {Storage::Float32, Codes::Int8, true, true, true},
    {Storage::Float32, Codes::Int4, true, false, true},  {Storage::Float8, Codes::None, true, true, true},
    {Storage::Float8, Codes::Int8, true, true, false},   {Storage::Float8, Codes::Int4, true, false, false},
    {Storage::E4M3, Codes::None, true, true, true},      {Storage::E4M3, Codes::Int8, true, true, false},
    {Storage::E4M3, Codes::Int4, true, false, false},    {Storage::Float16, Codes::None, true, true, true},
    {Storage::Float16, Codes::Int8, true, true, true},   {Storage::Float16, Codes::Int4, true, false, true},
    {Storage::CodesOnly, Codes::Int8, true, true, true}, {Storage::CodesOnly, Codes::Int4, true, false, true},
};

// From here on half the bytes are worth more than their rounding costs.
constexpr std::uint32_t kFourBitsFrom = 192;  // dimensions

Codes automatic(const IndexConfig& config) {
  // 8-bit storages are chosen for their size, which codes would raise by half or double.
  if (config.storage == Storage::CodesOnly) return Codes::Int8;  // half the bytes would be all there is
  if (element_bytes(config.storage) == 1 || config.dimensions > kMaxCodedDimensions) return Codes::None;
  // Rows of codes are whole cache lines: up to 16 dimensions of float32, 32 of float16, no shorter than the vectors.
  const std::size_t vector_bytes = padded_dimensions(config.dimensions) * element_bytes(config.storage);
  if (code_bytes(Codes::Int8, config.dimensions) >= vector_bytes) return Codes::None;
  return config.space != Space::InnerProduct && config.dimensions >= kFourBitsFrom ? Codes::Int4 : Codes::Int8;
}

bool serves(const Pair& pair, Space space) {
  return space == Space::Euclidean ? pair.euclidean : space == Space::Cosine ? pair.cosine : pair.inner_product;
}

std::string name_of(Codes codes) {
  return codes == Codes::None ? "'none'" : "'int" + std::to_string(static_cast<int>(codes)) + "'";
}

}  // namespace

std::span<const Pair> legal_pairs() { return kPairs; }

bool is_legal(const IndexConfig& config) {
  if (config.dimensions > kMaxCodedDimensions && config.codes != Codes::None) return false;
  return std::any_of(std::begin(kPairs), std::end(kPairs), [&config](const Pair& pair) {
    return pair.storage == config.storage && pair.codes == config.codes && serves(pair, config.space);
  });
}

Codes resolve_codes(const IndexConfig& config) {
  const bool codes_only = config.storage == Storage::CodesOnly;
  const bool may_be_none = config.codes == Codes::None || config.codes == Codes::Auto;
  if (config.dimensions > kMaxCodedDimensions && (codes_only || !may_be_none)) {
    throw InvalidInput("codes are asked for with " + std::to_string(config.dimensions) +
                       " dimensions; expected at most " + std::to_string(kMaxCodedDimensions) +
                       (codes_only ? ", or another storage" : ", or codes='none'"));
  }
  if (config.codes == Codes::Auto) return automatic(config);
  if (is_legal(config)) return config.codes;
  std::string legal;
  for (const Pair& pair : kPairs) {
    if (pair.storage != config.storage || !serves(pair, config.space)) continue;
    legal += (legal.empty() ? "" : " or ") + name_of(pair.codes);
  }
  throw InvalidInput("codes is " + name_of(config.codes) + ", which does not go with storage " +
                     name_of(config.storage) + " in " + name_of(config.space) + " space; expected " + legal);
}

const char* name_of(Space space) {
  switch (space) {
    case Space::Euclidean:
      return "Euclidean";
    case Space::InnerProduct:
      return "InnerProduct";
    case Space::Cosine:
      return "Cosine";
  }
  return "unknown";
}

const char* name_of(Storage storage) {
  switch (storage) {
    case Storage::Float8:
      return "Float8";
    case Storage::Float32:
      return "Float32";
    case Storage::E4M3:
      return "E4M3";
    case Storage::Float16:
      return "Float16";
    case Storage::CodesOnly:
      return "CodesOnly";
  }
  return "unknown";
}

}  // namespace nearfield
