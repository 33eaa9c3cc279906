// Hostile files under the sanitizers: good ones with bytes changed and the checksums set right again, cut, or
// noise. They are refused with an error of error.h, or they serve queries; nothing else may happen.
// tests/files/hostile.py does the same by field, with limits on memory and time.
#include <cstring>
#include <iterator>
#include <span>

#include "check.h"
#include "fixtures.h"
#include "forge.h"
#include "hash.h"
#include "nearfield/error.h"

namespace nearfield::test {
namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return mix64(state_++); }
  std::size_t below(std::size_t end) { return next() % end; }

 private:
  std::uint64_t state_;
};

// Numbers that break size arithmetic.
std::uint64_t edge(Random& random) {
  constexpr std::uint64_t kEdges[] = {0,          1,     2,         15,          16,         255,
                                      65535,      65536, 1u << 31,  ~0u,         1ull << 32, 1ull << 61,
                                      1ull << 63, ~0ull, ~0ull - 1, ~0ull - 4095};
  return random.below(4) == 0 ? random.next() : kEdges[random.below(std::size(kEdges))];
}

void poke(Bytes& bytes, std::size_t offset, Random& random) {
  const std::uint64_t value = edge(random);
  const std::size_t width = std::size_t{1} << random.below(4);
  if (offset + width <= bytes.size()) std::memcpy(bytes.data() + offset, &value, width);
}

Bytes spoil(const Bytes& good, const format::Header& header, const std::vector<format::Section>& sections,
            Random& random) {
  Bytes bytes = good;
  const std::size_t table = header.table_offset;
  switch (random.below(6)) {
    case 0:  // a field of the header
      poke(bytes, random.below(136), random);
      break;
    case 1:  // a field of the section table
      seal(bytes, header, sections);
      poke(bytes, table + random.below(sections.size() * sizeof(format::Section)), random);
      break;
    case 2:  // cut
      bytes.resize(random.below(good.size()));
      return bytes;
    case 3:  // damage that a checksum finds
      bytes[random.below(bytes.size())] ^= std::byte{0x10};
      return bytes;
    default: {  // content: links, levels, ids, flags, upper rows
      const format::Section& section = sections[random.below(sections.size())];
      if (section.bytes == 0) return bytes;
      for (std::size_t i = random.below(3) + 1; i > 0; --i)
        poke(bytes, section.offset + random.below(section.bytes), random);
      seal(bytes, header, sections);
    }
  }
  seal_table(bytes, header, sections.size());
  return bytes;
}

// True when the bytes were taken for an index.
bool use(Index index, const std::vector<float>& vectors) {
  const std::size_t dimensions = index.config().dimensions;
  if (dimensions > vectors.size()) return true;
  const std::vector<float> query(vectors.begin(), vectors.begin() + static_cast<std::ptrdiff_t>(dimensions));
  ask(index, query, {4, 20, 1, {}});
  const std::vector<Id> ids = index.ids(true);
  std::vector<float> out(dimensions);
  if (!ids.empty() && index.contains(ids[0])) index.get_vectors(ids.data(), 1, out.data());
  index.add(query.data(), 1, nullptr, nullptr, {1, {}});
  check(index.validate().empty(), "a file was taken whose graph is not sound: " + index.validate());
  return true;
}

template <class Open>
bool is_taken(const Open& open, const std::vector<float>& vectors) {
  try {
    return use(open(), vectors);
  } catch (const Error&) {
    return false;
  }
}

void no_file_does_harm(Storage storage, std::size_t rows, std::size_t cases) {
  IndexConfig config;
  config.storage = storage;
  config.dimensions = 12;
  config.M = 4;
  config.ef_construction = 20;
  Index index(config);
  const std::vector<float> vectors = scattered(rows, 12, 4);
  index.add(vectors.data(), rows, nullptr, nullptr, {1, {}});
  std::vector<Id> ids{3, 5, 1'000'000};
  index.add(vectors.data(), 3, ids.data(), nullptr, {1, {}});
  index.mark_deleted(8);
  index.attach("note", std::as_bytes(std::span(ids)));
  const Bytes good = bytes_of(index);
  const format::Header header = header_of(good);
  const std::vector<format::Section> sections = sections_of(good);
  Bytes sealed = good;
  seal(sealed, header, sections);
  seal_table(sealed, header, sections.size());
  check(sealed == good, "this test computes checksums as the format does");

  const TemporaryPath file("hostile");
  Random random(rows);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < cases; ++i) {
    const Bytes bytes = spoil(good, header, sections, random);
    taken += is_taken([&] { return Index::load(bytes, {}); }, vectors);
    file.write(bytes);
    LoadOptions mapped;
    mapped.map = true;
    is_taken([&] { return Index::load(file.path, mapped); }, vectors);
  }
  check(taken < cases / 2, "most hostile files are refused; taken: " + std::to_string(taken));
}

void small_files() { no_file_does_harm(Storage::Float32, 60, 4000); }
void files_that_are_mapped() { no_file_does_harm(Storage::Float8, 6000, 400); }

void files_of_other_libraries() {
  IndexConfig config;
  config.space = Space::InnerProduct;
  config.dimensions = 6;
  config.M = 4;
  Index index(config);
  const std::vector<float> vectors = scattered(40, 6, 4);
  index.add(vectors.data(), 40, nullptr, nullptr, {1, {}});
  Bytes voyager;
  index.write_voyager(
      [&voyager](const std::byte* data, std::size_t n) { voyager.insert(voyager.end(), data, data + n); });
  Random random(7);
  const Space space = Space::Euclidean;
  const std::uint32_t dimensions = 7;
  LoadOptions said;
  said.space = &space;
  said.dimensions = &dimensions;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < 4000; ++i) {
    Bytes bytes(voyager.begin() + (i % 4 == 0 ? 19 : 0), voyager.end());  // without its prelude: hnswlib or version 0
    if (i % 7 == 6) {
      bytes.resize(random.below(bytes.size()));
    } else {
      for (std::size_t n = random.below(3) + 1; n > 0; --n)
        poke(bytes, random.below(i % 2 == 0 ? 120 : bytes.size()), random);
    }
    taken += is_taken([&] { return Index::load(bytes, i % 4 == 0 ? said : LoadOptions{}); }, vectors);
  }
  check(taken < 3000, "hostile files of other libraries that were taken: " + std::to_string(taken));
}

const Group group{"hostile",
                  {{"small files", small_files},
                   {"files that are mapped", files_that_are_mapped},
                   {"files of other libraries", files_of_other_libraries}}};

}  // namespace
}  // namespace nearfield::test
