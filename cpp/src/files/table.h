// The fixed parts of a .nf file, read and checked: header, section table, block sums.
#pragma once

#include <cstdint>
#include <vector>

#include "files/format.h"
#include "files/source.h"
#include "nearfield/types.h"

namespace nearfield {

struct Table {
  format::Header header;
  IndexConfig config;                            // without the codes, which the grid says
  std::vector<format::Section> sections;         // [0] to [6] are the planes, in the order of format.h
  std::vector<std::vector<std::uint64_t>> sums;  // per section, of its blocks
};

// Everything that format.h says about these parts holds afterwards: every section lies inside the file, planes
// have the rows and row sizes that the header implies. Nothing was read from the sections themselves.
// Throws CorruptIndexFile or UnsupportedVersion. Takes no more memory than the file is long.
Table read_table(const ByteSource& source);

}  // namespace nearfield
