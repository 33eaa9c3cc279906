// The sections of a .nf file that belong to the codes: found in the table, read, and checked against the header.
#pragma once

#include <memory>
#include <string>

#include "files/format.h"
#include "files/source.h"
#include "files/table.h"
#include "nearfield/types.h"
#include "state.h"

namespace nearfield {

// Null where the file has none.
struct CodeSections {
  const format::Section* grid = nullptr;
  const format::Section* codes = nullptr;
  const format::Section* sketch = nullptr;
  const format::Section* sketches = nullptr;
  const format::Section* long_rows = nullptr;
};

// Throws CorruptIndexFile where one stands twice, or not behind what it belongs to.
CodeSections find_code_sections(const Table& table, const std::string& file);

// What a grid, a sketch and the list of long rows say; the planes of codes and sketches are still empty. Null where no
// row has come yet. Sets config.codes.
std::unique_ptr<CodePlane> read_codes(const ByteSource& source, const Table& table, const CodeSections& sections,
                                      IndexConfig& config);

}  // namespace nearfield
