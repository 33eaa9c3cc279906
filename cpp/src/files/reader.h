// Reads a .nf file (format.h) into a state, or maps it.
#pragma once

#include <memory>

#include "files/source.h"
#include "nearfield/index.h"
#include "state.h"

namespace nearfield {

// The whole file is checked: every checksum, then check_content(). With options.map and a source that is a file,
// sections of 64 KiB and more are mapped instead and left to state->guard (block_guard.h), unless
// options.verify asks for the check now. Header, tables, sections that are not mapped and the checksums of flags,
// levels and upper_of are checked in either case.
// Throws CorruptIndexFile, UnsupportedVersion, FileMismatch, FileNotAccessible.
std::unique_ptr<State> read_nf(const ByteSource& source, const LoadOptions& options);

}  // namespace nearfield
