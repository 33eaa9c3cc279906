// Writes an index as a .nf file (format.h), from front to back.
#pragma once

#include "files/snapshot.h"
#include "nearfield/index.h"

namespace nearfield {

// The index may change meanwhile; the file holds it as it was when the snapshot was taken, which is written once. Equal
// states give equal bytes. What `sink` throws passes through.
void write_index(const Snapshot& snapshot, const ByteSink& sink);

}  // namespace nearfield
