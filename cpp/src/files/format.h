// The .nf file: this table is the contract between every writer and every reader of it.
//
// All numbers are little-endian. The bytes are a function of the index alone: no clock, no host, no name;
// every byte that the tables do not name is 0. Parts of a file, in order:
//
//   header         4096 bytes
//   sections       the planes of the index as they lie in memory, then its attachments
//   section table  64 bytes a section, then the XXH64 of those entries
//   block sums     per section, the XXH64 of each of its 64 KiB blocks (the last one may be shorter)
//
// Header
//
//   OFFSET  SIZE  FIELD            MEANING, LEGAL VALUES
//   0       8     magic            89 4E 46 0D 0A 1A 0A 00: a transfer as text damages it visibly
//   8       4     format_version   1; what wrote the file
//   12      4     reader_version   1; the lowest format version whose readers may read it. A reader refuses a
//                                  higher one than its own (UnsupportedVersion)
//   16      4     header_bytes     4096
//   20      4     endian_tag       01020304 as a number
//   24      8     file_bytes       length of the whole file
//   32      8     features         bits that a reader must know. Unknown bit: UnsupportedVersion
//                                  bit 0: the storage is one that the first readers did not know, 64 or more
//                                  bit 1: the grid of inner products has an origin that is not 0
//                                  bit 2: rows were removed, and their slots are free, were taken again or are about
//                                  to become free
//   40      8     table_offset     of the section table, 64 KiB-aligned if a section of 64 KiB stands before it
//   48      4     section_count    entries of the section table
//   52      4     block_bytes      65536
//   56      1     space            0 Euclidean, 1 InnerProduct, 2 Cosine
//   57      1     storage          16 Float8, 32 Float32, 48 E4M3, 64 Float16, 80 CodesOnly
//   58      2     zero
//   60      4     dimensions       1 ... 2^20
//   64      4     M                2 ... 4096
//   68      4     ef_construction  M ... 2^32 - 1
//   72      8     seed             of the levels
//   80      8     count            slots: 0 ... 2^31
//   88      8     num_marked       slots with flag 1
//   96      8     num_superseded   slots with flag 2 or 18; num_marked + num_superseded <= count
//   104     8     upper_rows       rows of section upper_links
//   112     4     entry_slot       below count; FFFFFFFF where there are only free slots, or none
//   116     4     entry_level      0 ... 40, the highest level of slots that are not free; -1 where there are none
//   120     8     next_id          where the search for an automatic id begins
//   128     8     unswept          slots added since the last connectivity sweep
//   136     8     num_free         slots with flag 64; without feature bit 2 this and the next three are 0
//   144     8     published        rows ever added; at least count
//   152     8     repair_next      slots that the repair which is under way has looked at; at most repair_end
//   160     8     repair_end       slots that there were when it began; 0, and no flag is 18, where there is none
//   168     3920  zero
//   4088    8     header_sum       XXH64 of bytes 0 ... 4087
//
// Section table entry
//
//   OFFSET  SIZE  FIELD            MEANING, LEGAL VALUES
//   0       4     kind             below. An unknown kind is skipped unless it is required
//   4       4     flags            bit 0: required, a reader that does not know the kind refuses the file
//   8       8     offset           from the start of the file: where the section before it ends, raised to a
//                                  multiple of 64 bytes, or of 64 KiB if this section or the one before it
//                                  has 64 KiB or more. So a large section can be mapped, what
//                                  follows it in its last page is 0, and a small index stays small
//   16      8     bytes            rows * row_bytes
//   24      8     row_bytes
//   32      8     rows
//   40      8     sums_offset      of the section's block sums: one array after the other, in the order of the
//                                  sections, from the end of the section table to the end of the file
//   48      8     sums_sum         XXH64 of the section's block sums
//   56      8     zero
//
// Sections: kinds 1-7 stand exactly once and in this order, also with 0 rows, before any other
//
//   KIND  NAME         ROW                                            ROWS
//   1     vectors      padded to 16 dimensions with 0, in storage;    count, see below
//                      float32 where that is CodesOnly
//   2     links        u32[2M], unused places FFFFFFFF and last       count
//   3     upper_links  u32[M], the same                               upper_rows
//   4     ids          u64; 2^64 - 1 is no id. Distinct among slots   count
//                      whose flags do not have bit 1
//   5     upper_of     u32: first row in upper_links, FFFFFFFF on     count
//                      level 0; a slot of level L owns L rows
//   6     levels       u8: 0 ... entry_level                          count
//   7     flags        u8: 0, 1 marked (deleted), 2 removed or        count
//                      superseded, with feature bit 2 as well: 18
//                      the same, and no slot below repair_next links
//                      there, 64 free: no slot links there, all else
//                      of it is 0, its links FFFFFFFF
//   8     grid         u8, see below. Only where the index has        bytes
//                      codes; at most once
//   9     codes        u8, padded to 64 with 0 (codes/grid.h). Right  count
//                      behind the grid, if that was fitted
//   10    sketch       u8, see below. Only where there are sketches   bytes
//                      and codes of 4 bits
//   11    sketches     u8[64] (codes/sketch.h). Right behind the      count
//                      sketch
//   12    long_rows    u32, ascending, below count: slots of rows        at most 33
//                      too long for the codes (codes/long_rows.h), 33
//                      where there are more. Only for inner products,
//                      behind the codes, where there are such rows
//   13    numbers      u64 below published, all different: how many    count
//                      rows had ever been added before the one of
//                      the slot. Only with feature bit 2; else, and
//                      where it is absent, the slot itself
//   14    column       u8, see below. One each, names differ; required    bytes
//   64    attachment   u8. u32 length of the name, the name, the      bytes
//                      bytes; one section each, names ascending
//
// Sections 8 to 12 are not required: a reader that does not know them walks on the vectors, or on the codes. With
// CodesOnly they are all that the index holds, and there must be a grid. The vectors are then those that the next grid
// is fitted to: of all slots where count is below 4096, else of the last 512 + published % 512 rows, in order of their
// numbers (without feature bit 2, published is count); 0 of those whose slots were taken again since.
//
// Grid
//
//   OFFSET  SIZE  FIELD            MEANING, LEGAL VALUES
//   0       4     codes            4 or 8 bits, as go with storage, space and dimensions (codes/pairs.cpp)
//   4       4     step             float32: distance of neighbouring values, 2^-80 ... 2^80. 0, and
//                                  nothing behind it, where no row has come yet
//   8       8     num_fitted       rows that had ever been added when the grid was fitted, at most published
//   16      8     num_outside      components outside it (codes/grid.h)
//   24      4     share_outside    float32: share of components outside when it was fitted, 0 ... 1
//   28      4     rotated          0 or 1: vectors are rotated before they are encoded (codes/rotation.h)
//   32      4 * d origin           float32 per dimension, padded to 16: what code 0 stands for
//
// Sketch
//
//   OFFSET  SIZE  FIELD            MEANING, LEGAL VALUES
//   0       4     axis_step        float32: what 1 in an axis stands for, 2^-80 ... 2^80
//   4       4     step             float32: of the grid of the sketches, 2^-80 ... 2^80
//   8       4     share_outside    float32: as that of the grid above, 0 ... 1
//   12      4     factor           float32: keys by sketches that are looked at, by keys by codes; 0 ... 2^80
//   16      4     share_passed     float32: share of rows that sketches do not leave out, 0 ... 1
//   20      4     reserved         0
//   24      4 * d center           float32 per dimension, padded to 16: what is subtracted before vectors are projected
//   -       512   origin           float32 per axis: what code 0 stands for
//   -       128*b axes             i8 per axis and dimension, padded to b, a multiple of 64, with 0; -127 ... 127
//
// Column
//
//   OFFSET  SIZE  FIELD            MEANING, LEGAL VALUES
//   0       4     type             1 bool, 2 int8, 3 int16, 4 int32, 5 int64, 6 float32, 7 float64, 8 timestamp in
//                                  microseconds since 1970 UTC, 9 category, 10 tags
//   4       4     name_bytes       1 ... 255
//   8       8     num_words        of category and tags, else 0
//   16      8     num_sets         of tags: different sets of words, else 0
//   24      8     word_bytes       of all words together
//   32      8     set_bytes        of all sets together
//   40      8     num_chunks       of 4096 slots each; those that are missing at the end hold no value
//   48      -     name             UTF-8, padded to 8 with 0, as all that follows
//   -       -     words            u32 length of each, then their bytes, UTF-8; each once
//   -       -     sets             u32 length of each in bytes, then u32 numbers of words, ascending; each set once
//   -       -     widths           u8 per chunk: 0 no slot has a value, and nothing of it follows; else bytes of a
//                                  value, as the type has; of category and tags 1, 2 or 4
//   -       -     chunks           u64[64]: a bit per slot that has a value; then a value per slot, 0 where there is
//                                  none: number of a word or a set; slots that are free, and behind the last, have none
//
// What is promised between versions: a file of version v is read by every later nearfield (golden files in
// tests/files/data hold it to that). A change that an old reader can ignore is a new optional section; one
// that it cannot is a required section, a feature bit or a higher reader_version.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace nearfield::format {

static_assert(std::endian::native == std::endian::little, "files are written as numbers lie in memory");

inline constexpr std::array<unsigned char, 8> kMagic{0x89, 'N', 'F', '\r', '\n', 0x1A, '\n', 0};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kEndianTag = 0x01020304;
inline constexpr std::uint64_t kLaterStorage = 1;  // a feature
inline constexpr std::uint64_t kOriginOfProducts = 2;
inline constexpr std::uint64_t kReusedSlots = 4;
inline constexpr std::uint64_t kKnownFeatures = kLaterStorage | kOriginOfProducts | kReusedSlots;
inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::size_t kBlockBytes = 65536;
inline constexpr std::size_t kSmallAlignment = 64;

// What the storage alone says of them; kOriginOfProducts is said by the grid, kReusedSlots by the flags and numbers.
constexpr std::uint64_t features_of(std::uint8_t storage) { return storage >= 64 ? kLaterStorage : 0; }

struct Header {
  std::array<unsigned char, 8> magic = kMagic;
  std::uint32_t format_version = kVersion;
  std::uint32_t reader_version = kVersion;
  std::uint32_t header_bytes = kHeaderBytes;
  std::uint32_t endian_tag = kEndianTag;
  std::uint64_t file_bytes = 0;
  std::uint64_t features = 0;
  std::uint64_t table_offset = 0;
  std::uint32_t section_count = 0;
  std::uint32_t block_bytes = kBlockBytes;
  std::uint8_t space = 0;
  std::uint8_t storage = 0;
  std::uint16_t zero = 0;
  std::uint32_t dimensions = 0;
  std::uint32_t M = 0;
  std::uint32_t ef_construction = 0;
  std::uint64_t seed = 0;
  std::uint64_t count = 0;
  std::uint64_t num_marked = 0;
  std::uint64_t num_superseded = 0;
  std::uint64_t upper_rows = 0;
  std::uint32_t entry_slot = 0;
  std::int32_t entry_level = 0;
  std::uint64_t next_id = 0;
  std::uint64_t unswept = 0;
  std::uint64_t num_free = 0;
  std::uint64_t published = 0;
  std::uint64_t repair_next = 0;
  std::uint64_t repair_end = 0;
  std::array<unsigned char, 3920> zeros{};

  bool reuses_slots() const { return (features & kReusedSlots) != 0; }
  std::uint64_t rows_ever_added() const { return reuses_slots() ? published : count; }
  std::uint64_t header_sum = 0;
};
static_assert(sizeof(Header) == kHeaderBytes && std::is_trivially_copyable_v<Header>);
static_assert(offsetof(Header, table_offset) == 40 && offsetof(Header, space) == 56 && offsetof(Header, seed) == 72 &&
              offsetof(Header, entry_slot) == 112 && offsetof(Header, zeros) == 168 &&
              offsetof(Header, header_sum) == 4088);

enum class Kind : std::uint32_t {
  Vectors = 1,
  Links = 2,
  UpperLinks = 3,
  Ids = 4,
  UpperOf = 5,
  Levels = 6,
  Flags = 7,
  Grid = 8,
  Codes = 9,
  Sketch = 10,
  Sketches = 11,
  LongRows = 12,
  Numbers = 13,
  Column = 14,
  Attachment = 64,
};
inline constexpr std::size_t kNumPlanes = 7;  // kinds 1 ... 7
inline constexpr std::array<const char*, kNumPlanes> kPlaneNames{"vectors",  "links",  "upper_links", "ids",
                                                                 "upper_of", "levels", "flags"};
// Null of a kind that this version does not know.
constexpr const char* name_of(std::uint32_t kind) {
  if (kind >= 1 && kind <= kNumPlanes) return kPlaneNames[kind - 1];
  switch (static_cast<Kind>(kind)) {
    case Kind::Grid:
      return "grid";
    case Kind::Codes:
      return "codes";
    case Kind::Sketch:
      return "sketch";
    case Kind::Sketches:
      return "sketches";
    case Kind::LongRows:
      return "long_rows";
    case Kind::Numbers:
      return "numbers";
    case Kind::Column:
      return "column";
    case Kind::Attachment:
      return "attachment";
    default:
      return nullptr;
  }
}
inline constexpr std::uint32_t kRequired = 1;

// Behind it stands the origin.
struct GridHead {
  std::uint32_t codes = 0;
  float step = 0;
  std::uint64_t num_fitted = 0;
  std::uint64_t num_outside = 0;
  float share_outside = 0;
  std::uint32_t rotated = 0;
};
static_assert(sizeof(GridHead) == 32 && std::is_trivially_copyable_v<GridHead>);

// Behind it stand the center, the origin and the axes.
struct SketchHead {
  float axis_step = 0;
  float step = 0;
  float share_outside = 0;
  float factor = 0;
  float share_passed = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(SketchHead) == 24 && std::is_trivially_copyable_v<SketchHead>);

// Behind it stand the name, the words, the sets, the widths and the chunks.
struct ColumnHead {
  std::uint32_t type = 0;
  std::uint32_t name_bytes = 0;
  std::uint64_t num_words = 0;
  std::uint64_t num_sets = 0;
  std::uint64_t word_bytes = 0;
  std::uint64_t set_bytes = 0;
  std::uint64_t num_chunks = 0;
};
static_assert(sizeof(ColumnHead) == 48 && std::is_trivially_copyable_v<ColumnHead>);

struct Section {
  std::uint32_t kind = 0;
  std::uint32_t flags = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t row_bytes = 0;
  std::uint64_t rows = 0;
  std::uint64_t sums_offset = 0;
  std::uint64_t sums_sum = 0;
  std::uint64_t zero = 0;
};
static_assert(sizeof(Section) == 64 && std::is_trivially_copyable_v<Section>);

constexpr std::uint64_t num_blocks(std::uint64_t bytes) { return bytes / kBlockBytes + (bytes % kBlockBytes != 0); }

// Where a part of `bytes` stands that follows one of `bytes_before` which ends at `end`.
constexpr std::uint64_t place_after(std::uint64_t end, std::uint64_t bytes_before, std::uint64_t bytes) {
  const std::uint64_t step = bytes_before >= kBlockBytes || bytes >= kBlockBytes ? kBlockBytes : kSmallAlignment;
  return (end + step - 1) / step * step;
}

}  // namespace nearfield::format
