// A mapped index: queried while its blocks are checked for the first time, then written to beside queries.
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "fixtures.h"
#include "forge.h"
#include "nearfield/error.h"

namespace nearfield::test {
namespace {

constexpr std::size_t kRows = 4000;
constexpr std::size_t kDimensions = 32;

LoadOptions mapped() {
  LoadOptions options;
  options.map = true;
  return options;
}

void first_touches_first_writes_and_queries_meet() {
  const TemporaryPath file("mapped");
  const std::vector<float> vectors = clustered(kRows, kDimensions, 3);
  IndexConfig config;
  config.dimensions = kDimensions;
  config.M = 8;
  config.ef_construction = 40;
  Index saved(config);
  saved.add(vectors.data(), kRows, nullptr, nullptr, {});
  saved.save(file.path);
  const Answers expected = ask(saved, vectors, {5, 30, 0, {}});

  Index index = Index::load(file.path, mapped());
  std::vector<std::thread> threads;
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      const Answers found = ask(index, vectors, {5, 30, 1, {}});
      check(found.ids == expected.ids && found.distances == expected.distances, "a mapped index answers otherwise");
    });
  }
  check(index.contains(kRows - 1), "the id table of a mapped file is built on demand");
  for (std::thread& thread : threads) thread.join();

  const std::vector<float> more = clustered(600, kDimensions, 4);
  std::thread writer([&] {
    index.add(more.data(), 600, nullptr, nullptr, {2, {}});
    index.mark_deleted(1);
  });
  for (std::size_t row = 0; row < 400; ++row) {
    const auto begin = vectors.begin() + static_cast<std::ptrdiff_t>(row * kDimensions);
    const Answers found = ask(index, {begin, begin + kDimensions}, {5, 30, 1, {}});
    check_equal(found.counts[0], 5u, "results beside the first write to a mapped index");
  }
  writer.join();
  check_equal(index.counts().live, kRows + 599, "live rows in the end");
  check(index.validate().empty(), index.validate());
  check(bytes_of(Index::load(file.path, {})) == bytes_of(saved), "the file itself has changed");
}

// verify_all while others touch blocks for the first time.
void everything_is_checked_beside_queries() {
  const TemporaryPath file("mapped");
  const std::vector<float> vectors = clustered(kRows, kDimensions, 3);
  IndexConfig config;
  config.dimensions = kDimensions;
  config.M = 4;
  config.ef_construction = 20;
  Index saved(config);
  saved.add(vectors.data(), kRows, nullptr, nullptr, {});
  saved.save(file.path);
  const Index index = Index::load(file.path, mapped());
  std::thread checker([&] { check(index.validate().empty(), index.validate()); });
  const Answers found = ask(index, vectors, {3, 20, 2, {}});
  checker.join();
  check(found.ids == ask(saved, vectors, {3, 20, 2, {}}).ids, "other answers while the file is checked");
}

// The last byte of row `row` of a section is damaged, and `use` meets it.
template <class Use>
void check_met(const Bytes& good, format::Kind kind, std::size_t row, const std::string& field, const Use& use) {
  const format::Section section = section_of(good, kind);
  check(section.bytes >= 4 * format::kBlockBytes, field + " are mapped");
  Bytes bytes = good;
  bytes[section.offset + (row + 1) * section.row_bytes - 1] ^= std::byte{1};
  const TemporaryPath file("mapped");
  file.write(bytes);
  const Index index = Index::load(file.path, mapped());
  try {
    use(index);
    check(false, "damage in " + field + " is not met");
  } catch (const CorruptIndexFile& error) {
    check(error.field == field, "damage in " + field + " is reported in " + error.field);
  }
}

// Each reader of vectors and codes looks at the blocks itself: what another has read is no help.
void each_reader_looks_at_the_blocks_that_it_reads() {
  constexpr std::size_t kRow = 682, kWide = 48;  // its vector lies in two blocks
  const std::vector<float> vectors = clustered(2 * kRows, kWide, 3);
  const std::vector<float> query(vectors.begin() + kRow * kWide, vectors.begin() + (kRow + 1) * kWide);
  for (const Storage storage : {Storage::Float32, Storage::Float16, Storage::CodesOnly}) {
    Index saved(IndexConfig{Space::Euclidean, storage, kWide, 8, 40, 1, Codes::Int8});
    saved.add(vectors.data(), 2 * kRows, nullptr, nullptr, {});
    const Bytes good = bytes_of(saved);
    const bool codes_only = storage == Storage::CodesOnly;
    const auto kind = codes_only ? format::Kind::Codes : format::Kind::Vectors;
    const std::string field = codes_only ? "codes" : "vectors";
    // A walk on codes, whose results are compared by their vectors.
    check_met(good, kind, kRow, field, [&](const Index& index) { ask(index, query, {1, 30, 1, {}}); });
    check_met(good, format::Kind::Codes, kRow, "codes", [&](const Index& index) { ask(index, query, {1, 30, 1, {}}); });
    check_met(good, kind, kRow, field, [&](const Index& index) { ask(index, query, {1, 2 * kRows, 1, {}}); });
    check_met(good, kind, kRow, field, [&](const Index& index) {
      const Id id = kRow;
      std::vector<float> vector(kWide);
      index.get_vectors(&id, 1, vector.data());
    });
  }
}

// All vectors are damaged but those beside the entry point's. A walk on codes is well until its results are compared;
// on the same memory, a far query then walks on vectors, and meets the damage on its way down.
void damage_is_met_on_the_way_down() {
  constexpr std::size_t kWide = 48;
  const std::vector<float> vectors = clustered(2 * kRows, kWide, 3);
  Index saved(IndexConfig{Space::Euclidean, Storage::Float32, kWide, 8, 40, 1, Codes::Int8});
  saved.add(vectors.data(), 2 * kRows, nullptr, nullptr, {});
  Bytes bytes = bytes_of(saved);
  const format::Header header = header_of(bytes);
  check(header.entry_level >= 1, "there is a way down");
  const format::Section section = section_of(bytes, format::Kind::Vectors);
  const std::size_t entry = header.entry_slot * section.row_bytes;
  for (std::size_t at = 0; at < section.bytes; at += format::kBlockBytes) {
    const bool holds_entry = at < entry + section.row_bytes && entry < at + format::kBlockBytes;
    if (!holds_entry) bytes[section.offset + at] ^= std::byte{1};
  }
  const TemporaryPath file("mapped");
  file.write(bytes);
  const Index index = Index::load(file.path, mapped());
  for (const float scale : {1.0f, 100.0f, 1.0f, 100.0f}) {
    std::vector<float> query(vectors.begin() + 77 * kWide, vectors.begin() + 78 * kWide);
    for (float& x : query) x *= scale;
    try {
      ask(index, query, {10, 30, 1, {}});
      check(false, "damage is not met");
    } catch (const CorruptIndexFile& error) {
      check(error.field == "vectors", "damage in vectors is reported in " + error.field);
    }
  }
}

const Group group{"mapped",
                  {{"first touches, first writes and queries meet", first_touches_first_writes_and_queries_meet},
                   {"everything is checked beside queries", everything_is_checked_beside_queries},
                   {"damage is met on the way down", damage_is_met_on_the_way_down},
                   {"each reader looks at the blocks that it reads", each_reader_looks_at_the_blocks_that_it_reads}}};

}  // namespace
}  // namespace nearfield::test
