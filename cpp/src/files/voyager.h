// Voyager's index files: read versions 0 and 1, write version 1.
//
//   version 1 = prelude + body,  version 0 (library 1.x) = body alone;  hnswlib.h has the body's tables
//
// Prelude, 19 bytes, little-endian; what stands in brackets is checked
//
//   OFFSET  SIZE  FIELD        MEANING
//   0       4     magic        "VOYA"
//   4       4     version      [1]
//   8       4     dimensions   as the user gave them [1 ... 2^20]
//   12      1     space        0 Euclidean, 1 InnerProduct, 2 Cosine
//   13      1     storage      16 Float8, 32 Float32, 48 E4M3: the numbers and the bytes of types.h
//   14      4     max_norm     float32, largest norm when `transform` is 1; not needed to read
//   18      1     transform    [0, or 1 in InnerProduct]: vectors have one more element, which made all of them
//                              equally long, and which is dropped on reading
//
// Vectors of Cosine are at unit length already. The seed is not in the file: after reading it is 1, and levels
// of rows added then continue from the row's number.
#pragma once

#include <memory>

#include "files/source.h"
#include "nearfield/index.h"
#include "state.h"

namespace nearfield {

inline constexpr std::size_t kVoyagerPreludeBytes = 19;

// Whether such files can hold a storage; others are written as Float32.
constexpr bool is_voyagers(Storage storage) {
  return storage == Storage::Float32 || storage == Storage::Float8 || storage == Storage::E4M3;
}

// Reads a version 1 file. Throws CorruptIndexFile, UnsupportedVersion, FileMismatch, FileNotAccessible.
// A version 0 file has no mark of its own; read_hnswlib() takes it.
std::unique_ptr<State> read_voyager(const ByteSource& source, const LoadOptions& options);

// Writes a version 1 file that Voyager 2.x loads: rows in order of insertion, InnerProduct without transform, what is
// held in a storage that is not Voyager's as Float32.
// Superseded slots are left out, links to them replaced by links to where they lead, and a path leads from the entry
// point to every row. Where Voyager asks for an entry point on an upper level and there is none, it gets one without
// links. Throws InvalidInput for an empty index, which Voyager cannot load. As for write_index, flags may change
// meanwhile.
void write_voyager_index(const State& state, const ByteSink& sink);

}  // namespace nearfield
