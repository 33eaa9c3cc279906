// Files whose checksums are right and whose content is not, read whole and mapped: each is refused for what is wrong.
#include <algorithm>
#include <span>
#include <string>

#include "check.h"
#include "codes/codes.h"
#include "codes/pairs.h"
#include "files/files.h"
#include "fixtures.h"
#include "forge.h"
#include "nearfield/error.h"
#include "open_index.h"

namespace nearfield::test {
namespace {

using format::Kind;

constexpr std::uint32_t kDimensions = 24;

Index make_index(Space space, Storage storage, Codes codes, std::size_t rows, std::uint32_t dimensions = kDimensions) {
  Index index(IndexConfig{space, storage, dimensions, 4, 20, 1, codes});
  const std::vector<float> vectors = scattered(rows, dimensions, 3);
  if (rows > 0) index.add(vectors.data(), rows, nullptr, nullptr, {1, {}});
  return index;
}

LoadOptions mapped(bool verify) {
  LoadOptions options;
  options.map = true;
  options.verify = verify;
  return options;
}

// Read whole, and mapped and then checked as a whole.
void check_refused(const Bytes& bytes, const std::string& field, const std::string& what,
                   const Where& where = Where::current()) {
  const TemporaryPath file("forged");
  file.write(bytes);
  const std::string read = refused_field([&] { Index::load(bytes, {}); });
  check(read == field, what + ": read whole it is refused for '" + read + "', not for '" + field + "'", where);
  const std::string checked = refused_field([&] { Index::load(file.path, mapped(true)); });
  check(checked == field, what + ": mapped it is refused for '" + checked + "', not for '" + field + "'", where);
}

void codes_that_go_with_nothing_are_refused() {
  for (const Pair& pair : legal_pairs()) {
    if (pair.codes == Codes::None) continue;
    const Bytes good = bytes_of(make_index(Space::Euclidean, pair.storage, pair.codes, 60));
    for (const Space space : {Space::Euclidean, Space::InnerProduct, Space::Cosine}) {
      Bytes bytes = good;
      store(bytes, offsetof(format::Header, space), static_cast<std::uint8_t>(space));
      seal(bytes);
      const bool legal = space == Space::Euclidean || (space == Space::Cosine ? pair.cosine : pair.inner_product);
      const std::string found = refused_field([&] { Index::load(bytes, {}); });
      check((found == "grid.codes") == !legal, "storage " + std::to_string(static_cast<int>(pair.storage)) + ", " +
                                                   name_of({space, pair.codes}) + ": refused for '" + found + "'");
    }
  }
}

void codes_of_too_many_dimensions_are_refused() {
  Bytes bytes = bytes_of(make_index(Space::Euclidean, Storage::Float32, Codes::Int8, 0, kMaxCodedDimensions));
  check(refused_field([&] { Index::load(bytes, {}); }).empty(), "as many as there may be");
  const std::uint32_t dimensions = kMaxCodedDimensions + 1;
  store(bytes, offsetof(format::Header, dimensions), dimensions);
  store(bytes, header_of(bytes).table_offset + offsetof(format::Section, row_bytes),
        std::uint64_t{padded_dimensions(dimensions) * sizeof(float)});
  seal(bytes);
  check_refused(bytes, "grid.codes", "one dimension more");
}

void a_grid_is_not_fitted_to_more_rows_than_there_are() {
  constexpr std::uint64_t kRows = 60;
  for (const Codes codes : {Codes::Int8, Codes::Int4}) {
    Bytes bytes = bytes_of(make_index(Space::Euclidean, Storage::Float32, codes, kRows));
    const std::size_t at = section_of(bytes, Kind::Grid).offset + offsetof(format::GridHead, num_fitted);
    store(bytes, at, kRows);
    seal(bytes);
    check(refused_field([&] { Index::load(bytes, {}); }).empty(), "all of them");
    for (const std::uint64_t more : {kRows + 1, ~std::uint64_t{0}}) {
      store(bytes, at, more);
      seal(bytes);
      check_refused(bytes, "grid.num_fitted", "fitted to " + std::to_string(more));
    }
  }
}

// Else codes would be made of vectors that nobody has checked.
void a_grid_that_is_not_fitted_has_no_rows() {
  OpenIndex index({Space::Euclidean, Storage::Float32, 8, 6, 20, 1, Codes::Int8});
  const auto written = [&index] {
    Bytes bytes;
    write_index(Snapshot(index.state),
                [&bytes](const std::byte* data, std::size_t n) { bytes.insert(bytes.end(), data, data + n); });
    return bytes;
  };
  check(refused_field([&] { Index::load(written(), {}); }).empty(), "without rows");
  index.add(clustered(60, 8, 3));
  check(refused_field([&] { Index::load(written(), {}); }).empty(), "fitted");
  index.state.codes = nullptr;
  index.state.code_plane.reset();
  check_refused(written(), "grid.step", "not fitted, 60 rows");
}

// Kernels of different levels agree on the others alone.
void codes_outside_the_grid_are_refused() {
  struct Edge {
    Space space;
    int byte;
    bool good;
  };
  for (const Edge& edge : {Edge{Space::Euclidean, 127, true}, Edge{Space::Euclidean, 0x80, false},
                           Edge{Space::Euclidean, 0xFF, false}, Edge{Space::Cosine, 0x81, false},
                           Edge{Space::InnerProduct, 0x81, true}, Edge{Space::InnerProduct, 0x80, false}}) {
    for (const std::size_t rows : {60u, 1500u}) {  // the codes of these are mapped
      Bytes bytes = bytes_of(make_index(edge.space, Storage::Float32, Codes::Int8, rows));
      const format::Section codes = section_of(bytes, Kind::Codes);
      const std::size_t row = rows - 3;
      store(bytes, codes.offset + row * codes.row_bytes + 5, static_cast<std::uint8_t>(edge.byte));
      seal(bytes);
      const std::string field = edge.good ? "" : "codes of row " + std::to_string(row);
      check_refused(bytes, field, name_of({edge.space, Codes::Int8}) + ", byte " + std::to_string(edge.byte));
    }
  }
}

// An index with large sections and small ones, three of them of a kind that no reader knows.
Bytes with_unknown_sections() {
  Index index = make_index(Space::Euclidean, Storage::Float32, Codes::Int8, 1500);
  index.attach("a", Bytes(100, std::byte{7}));
  index.attach("b", Bytes(50, std::byte{8}));
  index.attach("c", Bytes(3 * format::kBlockBytes, std::byte{9}));
  Bytes bytes = bytes_of(index);
  const format::Header header = header_of(bytes);
  for (std::size_t i = 1; i <= 3; ++i) {
    store(bytes, header.table_offset + (header.section_count - i) * sizeof(format::Section), std::uint32_t{1000});
  }
  seal(bytes);
  return bytes;
}

void bytes_between_sections_are_seen_however_a_file_is_opened() {
  const Bytes good = with_unknown_sections();
  check_refused(good, "", "sections of an unknown kind");
  std::size_t end = sizeof(format::Header), gaps = 0;
  std::vector<format::Section> sections = sections_of(good);
  sections.push_back({});
  sections.back().offset = header_of(good).table_offset;
  for (const format::Section& next : sections) {
    for (const std::size_t at : {end, std::size_t{next.offset} - 1}) {
      if (end == next.offset) continue;
      ++gaps;
      Bytes bytes = good;
      bytes[at] ^= std::byte{1};
      check_refused(bytes, "padding", "byte " + std::to_string(at));
    }
    end = next.offset + next.bytes;
  }
  check(gaps >= 8, "gaps: " + std::to_string(gaps));
}

void sections_of_an_unknown_kind_are_checked_with_the_whole_file() {
  const Bytes good = with_unknown_sections();
  const std::vector<format::Section> sections = sections_of(good);
  for (const std::size_t back : {1u, 2u, 3u}) {
    const format::Section& section = sections[sections.size() - back];
    Bytes bytes = good;
    bytes[section.offset + section.bytes - 1] ^= std::byte{1};
    check_refused(bytes, "section", "damage in a section of " + std::to_string(section.bytes) + " bytes");
    if (section.bytes < format::kBlockBytes) continue;
    const TemporaryPath file("forged");
    file.write(bytes);
    Index index = Index::load(file.path, mapped(false));
    const std::vector<float> row = scattered(1, kDimensions, 3);
    check_equal(ask(index, row, {1, 20, 1, {}}).ids[0], Id{0}, "a mapped file answers before it is checked");
    const std::string written = refused_field([&] { index.add(row.data(), 1, nullptr, nullptr, {1, {}}); });
    check(written == "section", "the first write is refused for '" + written + "'");
  }
}

const Group group{
    "forged",
    {{"codes that go with nothing are refused", codes_that_go_with_nothing_are_refused},
     {"codes of too many dimensions are refused", codes_of_too_many_dimensions_are_refused},
     {"a grid is not fitted to more rows than there are", a_grid_is_not_fitted_to_more_rows_than_there_are},
     {"a grid that is not fitted has no rows", a_grid_that_is_not_fitted_has_no_rows},
     {"codes outside the grid are refused", codes_outside_the_grid_are_refused},
     {"bytes between sections are seen however a file is opened",
      bytes_between_sections_are_seen_however_a_file_is_opened},
     {"sections of an unknown kind are checked with the whole file",
      sections_of_an_unknown_kind_are_checked_with_the_whole_file}}};

}  // namespace
}  // namespace nearfield::test
