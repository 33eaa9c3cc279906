// Index files, whichever kind: what the facade calls.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "files/atomic_file.h"
#include "files/voyager.h"
#include "files/writer.h"
#include "nearfield/index.h"
#include "state.h"

namespace nearfield {

// Read a .nf, Voyager v0 or v1, or hnswlib file, told apart by its first bytes. Only a .nf file can be mapped; others
// are read whole whatever options.map says, and so are bytes in memory. Where the result is mapped, state->guard is
// set (block_guard.h). Throws the IndexFileErrors of error.h, FileNotAccessible, or InvalidInput where a file does
// not say its space and the caller does not either.
std::unique_ptr<State> load_state(const std::string& path, const LoadOptions& options);
std::unique_ptr<State> load_state(std::span<const std::byte> bytes, const LoadOptions& options);

}  // namespace nearfield
