// Sections of a .nf file: their names in messages, and their bytes against their checksums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "files/block_sums.h"
#include "files/format.h"
#include "files/source.h"

namespace nearfield {

const char* name_of(const format::Section& section);  // "section" of a kind that this version does not know

// Throws CorruptIndexFile, naming the first block of which `found` is not what `sums` say.
void check_sums(const ByteSource& source, const format::Section& section, BlockSums& found,
                const std::vector<std::uint64_t>& sums);

// All bytes of a section, checked.
std::vector<std::byte> read_bytes(const ByteSource& source, const format::Section& section,
                                  const std::vector<std::uint64_t>& sums);

}  // namespace nearfield
