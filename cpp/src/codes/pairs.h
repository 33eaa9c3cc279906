// Which codes go with which storage and space, and which are taken where nobody says: the one table.
#pragma once

#include <cstddef>
#include <span>

#include "nearfield/types.h"

namespace nearfield {

struct Pair {
  Storage storage;
  Codes codes;
  bool inner_products;  // whether it serves that space; the others are served by all
};

std::span<const Pair> legal_pairs();

// Codes::Auto as what it stands for; anything else as it is. Throws InvalidInput for a pair that is not in the table.
Codes resolve_codes(const IndexConfig& config);

}  // namespace nearfield
