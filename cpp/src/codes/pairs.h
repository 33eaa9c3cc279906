// Which codes go with which storage and space, and which are taken where nobody says: the one table.
#pragma once

#include <span>

#include "nearfield/types.h"

namespace nearfield {

struct Pair {
  Storage storage;
  Codes codes;
  bool euclidean, inner_product, cosine;  // the spaces that they serve together
};

std::span<const Pair> legal_pairs();

// Whether a new index may have these codes, which are not Codes::Auto. What files say is held to the same.
bool is_legal(const IndexConfig& config);

// Codes::Auto as what it stands for; anything else as it is. Throws InvalidInput for what is not in the table.
Codes resolve_codes(const IndexConfig& config);

// As messages say them.
const char* name_of(Space space);
const char* name_of(Storage storage);

}  // namespace nearfield
