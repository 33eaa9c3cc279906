#include "build/blurred.h"

#include <cstddef>

#include "walk/beam.h"

namespace nearfield {

bool is_blurred(const State& state, const CodePlane* codes, const void* query, std::span<const std::uint64_t> entries) {
  const std::size_t M = state.config.M;
  if (codes == nullptr || state.config.storage == Storage::CodesOnly || entries.size() < M) return false;
  const double key = entry_key(entries[M - 1]);
  if (state.config.space == Space::InnerProduct) {
    const Rounding rounding = rounding_of(codes->grid, static_cast<const unsigned char*>(query));
    return key - entry_key(entries[0]) <= rounding.flat;
  }
  const double width = codes->grid.codes == Codes::Int4 ? 8 : 1;
  return key <= 2 * (2 * width * width / 12) * static_cast<double>(codes->grid.dimensions);
}

}  // namespace nearfield
