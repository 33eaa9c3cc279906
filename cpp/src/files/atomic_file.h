// Replace a file whole or not at all.
#pragma once

#include <functional>
#include <string>

#include "nearfield/index.h"

namespace nearfield {

// Calls write(sink) and puts what it wrote in the place of `path`: into `<path>.tmp-<pid>-<n>` in the same
// folder, synced, renamed, the folder synced. Until the rename the old file is untouched; whoever has it
// open or mapped keeps the old bytes. When anything fails, also when `write` throws, the temporary is
// removed and the old file is whole. Throws FileNotAccessible; what `write` throws passes through.
//
// A symbolic link is followed, permissions of a replaced file are kept, a new one has those of the
// umask. A path that is a device or a pipe is written to directly. A process that is killed leaves its
// temporary behind, which may be deleted at any time.
void save_atomically(const std::string& path, const std::function<void(const ByteSink&)>& write);

}  // namespace nearfield
