// Writes an index as a .nf file (format.h), from front to back.
#pragma once

#include "nearfield/index.h"
#include "state.h"

namespace nearfield {

// The caller keeps rows and links from changing meanwhile; flags may change, the file then holds them as they
// were when the writing began. Equal states give equal bytes. What `sink` throws passes through.
void write_index(const State& state, const ByteSink& sink);

}  // namespace nearfield
