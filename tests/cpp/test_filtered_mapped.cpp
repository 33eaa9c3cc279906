// Filters on mapped files, whose blocks are looked at when they are first read, and what filtered queries ask of
// memory.
#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "allocations.h"
#include "check.h"
#include "filtering.h"
#include "forge.h"
#include "mortal.h"
#include "nearfield/error.h"

namespace nearfield::test {
namespace {

constexpr std::size_t kRows = 9000;  // ids in two blocks
constexpr std::size_t kDimensions = 16;
constexpr Plan kPlans[] = {Plan::Auto, Plan::Scan, Plan::Sweep, Plan::Exact, Plan::Walk};

const std::vector<float>& rows() {
  static const std::vector<float> vectors = unit_rows(kRows, kDimensions, 3);
  return vectors;
}

// An id of the user for each row: they need a table.
std::vector<Id> scattered_ids() {
  std::vector<Id> ids(kRows);
  for (std::size_t row = 0; row < kRows; ++row) ids[row] = mix64(row) / 2;
  return ids;
}

Bytes saved(Codes codes) {
  static std::map<Codes, Bytes> made;
  Bytes& bytes = made[codes];
  if (bytes.empty()) {
    Index index({Space::Euclidean, Storage::Float32, kDimensions, 6, 20, 1, codes});
    index.add(rows().data(), kRows, scattered_ids().data(), nullptr, {1, {}});
    bytes = bytes_of(index);
  }
  return bytes;
}

Index load(const TemporaryPath& file, bool maps = true) {
  LoadOptions options;
  options.map = maps;
  return Index::load(file.path, options);
}

Sets each(std::size_t queries, const std::vector<Id>& ids) {
  return set_each(std::vector<std::optional<std::vector<Id>>>(queries, ids));
}

std::vector<Id> part(double share, std::uint64_t seed) {
  std::vector<Id> ids;
  for (const Id id : scattered_ids()) {
    if (static_cast<double>(mix64(id + seed) % 1'000'000) < share * 1e6) ids.push_back(id);
  }
  return ids;
}

void mapped_files_answer_as_others_do() {
  constexpr std::size_t kQueries = 6;
  const std::vector<float> queries = unit_rows(kQueries, kDimensions, 5);
  const TemporaryPath file("filtered");
  file.write(saved(Codes::Int8));
  const Index plain = load(file, false);
  const Truth truth(plain, kDimensions, queries, kRows);
  for (const double share : {0.001, 0.3}) {
    const std::vector<Id> ids = part(share, 1), others = part(0.5, 2);
    const Under filters[] = {{one_set(ids), {}},
                             {{}, one_set(ids)},
                             {each(kQueries, ids), {}},
                             {{}, each(kQueries, ids)},
                             {one_set(others), each(kQueries, ids)},
                             {each(kQueries, others), one_set(ids)}};
    for (Under under : filters) {
      for (const Plan plan : kPlans) {
        under.plan = plan;
        const Index mapped = load(file);  // nothing of it has been read yet
        const Filtered found = ask(mapped, queries, {8, 30, 1, {}}, under);
        const Filtered expected = ask(plain, queries, {8, 30, 1, {}}, under);
        check(found.ids == expected.ids && found.distances == expected.distances && found.reports == expected.reports,
              "a mapped file answers otherwise, plan " + std::to_string(static_cast<int>(plan)));
        check_promises(truth, expected, 8, under, plan == Plan::Exact, "a file");
      }
    }
  }
}

void damage(Bytes& bytes, format::Kind kind, std::size_t row) {
  const format::Section section = section_of(bytes, kind);
  bytes[section.offset + row * section.row_bytes] ^= std::byte{1};
}

void check_refused(const std::string& field, const Index& index, const std::vector<float>& queries,
                   const Under& under) {
  const std::string found = refused_field([&] { ask(index, queries, {3, 20, 1, {}}, under); });
  check(found == field, "damage in " + field + " is met as '" + found + "', plan " +
                            std::to_string(static_cast<int>(under.plan)) + (under.counts ? ", counted" : ""));
}

// Whoever needs an id that cannot be read says so, and returns nothing.
void damaged_ids_are_met() {
  const std::vector<float> queries = unit_rows(3, kDimensions, 5);
  Bytes bytes = saved(Codes::None);
  damage(bytes, format::Kind::Ids, 100);
  damage(bytes, format::Kind::Ids, kRows - 1);
  const TemporaryPath file("filtered");
  file.write(bytes);
  const std::vector<Id> few = part(0.001, 1), most = part(0.9, 1);
  const Under filters[] = {{one_set(few), {}},  {one_set(most), {}}, {{}, one_set(few)},
                           {{}, one_set(most)}, {each(3, few), {}},  {each(3, most), {}},
                           {{}, each(3, few)},  {{}, each(3, most)}, {{}, each(3, {7, 8, 9})}};
  for (Under under : filters) {
    for (const Plan plan : kPlans) {
      for (const bool counts : {false, true}) {
        under.plan = plan;
        under.counts = counts;
        const Index index = load(file);
        check_refused("ids", index, queries, under);
      }
    }
  }
}

// A query that has met damage leaves no trace in what the next one works in: rows that can be read are found, and where
// nothing may be returned nothing is read.
void damage_elsewhere_hides_nothing() {
  const std::vector<float> queries = unit_rows(3, kDimensions, 5);
  for (const Codes codes : {Codes::None, Codes::Int8}) {
    Bytes bytes = saved(codes);
    damage(bytes, format::Kind::Vectors, kRows - 1);
    const TemporaryPath file("filtered");
    file.write(bytes);
    const Index index = load(file);
    const std::vector<Id> ids = scattered_ids(), few(ids.begin(), ids.begin() + 5);
    const Sets none = one_set({}), some = one_set(few);
    const Sets sets[] = {some, each(3, few), none, each(3, {})};
    for (const Sets& allow : sets) {
      for (const Plan plan : {Plan::Auto, Plan::Scan, Plan::Exact}) {
        check(refused_field([&] { ask(index, queries, {3, 4 * kRows, 1, {}}); }) == "vectors", "what is damaged");
        const Under under{{}, allow, plan};
        const std::string what = "plan " + std::to_string(static_cast<int>(plan)) + ", sets of " +
                                 std::to_string(allow.ids.size()) + ", codes " +
                                 std::to_string(static_cast<int>(codes));
        Filtered found;
        const std::string field = refused_field([&] { found = ask(index, queries, {5, 20, 1, {}}, under); });
        check(field.empty(), "damage in " + field + " is met, though none of it is needed: " + what);
        if (field.empty()) check_equal(found.counts[0], allow.ids.empty() ? 0u : 5u, "results, " + what);
      }
    }
  }
}

// A file that names an id twice, with every checksum right: where ids are looked up it is refused, and where they are
// tested one by one neither row is returned.
void an_id_that_stands_twice_is_not_returned_where_it_is_left_out() {
  constexpr std::size_t kFirst = 50, kSecond = 7000;
  Bytes bytes = saved(Codes::None);
  const format::Section section = section_of(bytes, format::Kind::Ids);
  std::memcpy(bytes.data() + section.offset + 8 * kFirst, bytes.data() + section.offset + 8 * kSecond, 8);
  seal(bytes);
  const TemporaryPath file("filtered");
  file.write(bytes);
  check(refused_field([&] { load(file, false); }) == "id of row 7000", "a file that is read is refused");
  const Id id = scattered_ids()[kSecond];
  for (const std::size_t row : {kFirst, kSecond}) {
    const std::vector<float> query = row_of(rows(), kDimensions, row);
    for (const Sets& sets : {one_set({id}), each(1, {id}), one_set(std::vector<Id>(kRows, id))}) {
      const Index index = load(file);
      try {
        const Filtered found = ask(index, query, {3, 20, 1, {}}, {sets, {}});
        check(found.counts[0] == 3 && found.ids[0] != id, "the row is left out");
      } catch (const CorruptIndexFile& error) {
        check(sets.ids.size() > 1 && error.field == "id of row 7000", "a file is refused for " + error.field);
      }
    }
  }
}

const Group group{"filters",
                  {{"an id that stands twice is not returned where it is left out",
                    an_id_that_stands_twice_is_not_returned_where_it_is_left_out},
                   {"mapped files answer as others do", mapped_files_answer_as_others_do},
                   {"damaged ids are met", damaged_ids_are_met},
                   {"damage elsewhere hides nothing", damage_elsewhere_hides_nothing}}};

}  // namespace
}  // namespace nearfield::test
