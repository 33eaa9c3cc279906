// Files of hnswlib (save_index) and the body of Voyager's files, which is the same. Little-endian, no padding,
// no checksum.
//
// Header, 96 bytes; what stands in brackets is checked
//
//   OFFSET  SIZE  FIELD              MEANING
//   0       8     level0_offset      [0]
//   8       8     max_elements       room that the writer had [count or more]
//   16      8     count              rows [as many as fit into the file]
//   24      8     bytes_per_element  [label_offset + 8]
//   32      8     label_offset       [data_offset + dimensions * element size]
//   40      8     data_offset        [4 + 4 * maxM0]
//   48      4     max_level          level of the entry point [-1 in an empty file, else 0 ... 40]
//   52      4     entry_point        row [below count; FFFFFFFF in an empty file]
//   56      8     maxM               links on upper levels [M]
//   64      8     maxM0              links on level 0 [2M]
//   72      8     M                  [2 ... 4096]
//   80      8     mult               float64, 1 / ln M [within 1e-6]
//   88      8     ef_construction    [below 2^32; taken as at least M]
//
// Level 0, count elements
//
//   0             2   link_count     [at most maxM0]
//   2             1   flags          bit 0: deleted; the others are not used
//   3             1   not used
//   4             4 * maxM0          links: rows, the first link_count of them [below count, not the row itself]
//   data_offset       vector         float32 (Voyager: also one byte an element) [finite numbers]
//   label_offset  8   id             [each once, not 2^64 - 1]
//
// Upper levels, count entries, then the file ends
//
//   0             4   byte_length    levels * (4 + 4 * maxM) [whole levels, at most max_level of them]
//   4             ..  levels 1, 2, ...: u16 link_count [at most maxM], 2 bytes not used, u32[maxM] links [rows that
//                     have this level]
//
// Neither space nor storage nor the number of dimensions is in the file. hnswlib stores float32 and, for its
// cosine space, vectors at unit length. A file of Voyager 1.x (v0) looks the same; for one with Float8 or
// E4M3 elements the caller says so. A link that a row names twice is taken once: the graph is the same.
#pragma once

#include <cstdint>
#include <memory>

#include "files/source.h"
#include "nearfield/index.h"
#include "state.h"

namespace nearfield {

// What the format does not say about itself.
struct BodyKind {
  std::uint64_t offset = 0;  // of the header in the file
  Space space = Space::Euclidean;
  Storage storage = Storage::Float32;
  std::uint32_t dimensions = 0;  // to keep
  std::uint32_t dropped = 0;     // elements behind them that are not kept (Voyager's inner product, voyager.h)
};

// Reads a body that ends with the source. Throws CorruptIndexFile, also where the vectors have another
// length than dimensions + dropped.
std::unique_ptr<State> read_hnsw_body(const ByteSource& source, const BodyKind& kind);

// Reads a hnswlib or Voyager v0 file: a body alone. options.space is needed (InvalidInput without it); storage is
// Float32 unless options.storage says otherwise; dimensions are compared where they are given.
std::unique_ptr<State> read_hnswlib(const ByteSource& source, const LoadOptions& options);
// Whether the source begins with a header that agrees with itself and with the length of the file.
bool starts_like_hnswlib(const ByteSource& source);

}  // namespace nearfield
