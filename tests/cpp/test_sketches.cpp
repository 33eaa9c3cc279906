// Sketches: the axes that they are made of, when an index has them, that they leave out few of the nearest, and that
// walks led by them find the same at every level, from files as well.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "build/sketches.h"
#include "check.h"
#include "codes/projection.h"
#include "forge.h"
#include "nearfield/error.h"
#include "open_index.h"

namespace nearfield::test {
namespace {

constexpr std::size_t kDimensions = 700, kRows = 5000;
constexpr IndexConfig kConfig{Space::Euclidean, Storage::Float32, kDimensions, 12, 60, 1, Codes::Int4};

// Rows that vary in `directions` alone, but for a little: clusters there, turned into all dimensions.
std::vector<float> of_few_directions(std::size_t rows, std::size_t directions, std::uint64_t seed) {
  const std::vector<float> inner = clustered(rows, directions, 1 + seed);
  std::vector<float> vectors(rows * kDimensions);
  for (std::size_t row = 0; row < rows; ++row) {
    float* vector = vectors.data() + row * kDimensions;
    for (std::size_t d = 0; d < kDimensions; ++d) vector[d] = 0.02f * uniform(77 + seed, row * kDimensions + d) + 0.3f;
    for (std::size_t i = 0; i < directions; ++i) {
      const float along = inner[row * directions + i];
      for (std::size_t d = 0; d < kDimensions; ++d) vector[d] += along * 0.1f * uniform(900 + i, d);
    }
  }
  return vectors;
}

// The first rows of all, which are fitted to, and others like them.
const std::vector<float>& few_directions() {
  static const std::vector<float> vectors = of_few_directions(kRows + 200, 100, 0);
  return vectors;
}

std::vector<float> rows_of(const std::vector<float>& vectors, std::size_t first, std::size_t last) {
  const auto at = [&](std::size_t row) { return vectors.begin() + static_cast<std::ptrdiff_t>(row * kDimensions); };
  return {at(first), at(last)};
}

// Held as an index holds them, without an index.
struct Held {
  Held(const IndexConfig& config, const std::vector<float>& vectors)
      : metric(config, active_level()), rows(vectors.size() / config.dimensions), padded(rows * metric.padded) {
    for (std::size_t row = 0; row < rows; ++row) {
      metric.prepare(vectors.data() + row * config.dimensions, padded.data() + row * metric.padded);
    }
  }
  const float* row(std::size_t i) const { return padded.data() + i * metric.padded; }
  HeldRows all() const {
    return {rows, [this](std::size_t i, float*) { return row(i); }};
  }
  Grid grid() const {
    return fit_grid(Codes::Int4, metric.space, metric.dimensions, rows, [this](std::size_t i) { return row(i); });
  }
  std::optional<Sketch> sketch(std::size_t num_threads = 1) const {
    return choose_sketch(metric, grid(), nullptr, all(), num_threads);
  }

  Metric metric;
  std::size_t rows;
  std::vector<float> padded;
};

double squared_distance(const float* a, const float* b, std::size_t n) {
  double sum = 0;
  for (std::size_t d = 0; d < n; ++d) sum += static_cast<double>(a[d] - b[d]) * static_cast<double>(a[d] - b[d]);
  return sum;
}

// Where rows vary in fewer directions than there are axes, projecting loses next to nothing of a distance.
void axes_hold_what_varies() {
  const Held held(kConfig, few_directions());
  const std::optional<Projection> projection =
      fit_projection({2048, kDimensions, held.metric.padded, [&](std::size_t i) { return held.row(i); },
                      held.metric.level->floats->dot, 1});
  check(projection.has_value(), "there is a projection");
  if (!projection) return;
  std::vector<unsigned char> bytes(held.metric.projection_bytes());
  std::vector<float> a(kSketchAxes), b(kSketchAxes);
  for (std::size_t i = 0; i < 100; ++i) {
    const float* first = held.row(kRows + i);  // not among those that were fitted to
    const float* second = held.row(kRows + 199 - i);
    held.metric.project(*projection, first, bytes.data(), a.data());
    held.metric.project(*projection, second, bytes.data(), b.data());
    const double ratio =
        squared_distance(a.data(), b.data(), kSketchAxes) / squared_distance(first, second, held.metric.padded);
    check(ratio > 0.93 && ratio < 1.03, "pair " + std::to_string(i) + ": " + std::to_string(ratio) + " is left");
  }
}

void rows_that_are_alike_have_no_axes() {
  for (const float value : {0.0f, 3.0f, 0x1p100f}) {
    const std::vector<float> row(704, value);
    const ProjectionSample sample{2048, 704, 704, [&](std::size_t) { return row.data(); }, active_level().floats->dot,
                                  1};
    check(!fit_projection(sample).has_value(), "all " + std::to_string(value));
  }
}

// Times a power of two nothing changes but the scale.
void axes_do_not_depend_on_the_scale() {
  std::optional<Projection> expected;
  for (const float scale : {1.0f, 0x1p40f, 0x1p-60f}) {
    std::vector<float> vectors = few_directions();
    for (float& x : vectors) x *= scale;
    const Held held(kConfig, vectors);
    const std::optional<Projection> projection =
        fit_projection({2048, kDimensions, held.metric.padded, [&](std::size_t i) { return held.row(i); },
                        held.metric.level->floats->dot, 1});
    const std::string what = "times 2^" + std::to_string(std::ilogb(scale));
    check(projection.has_value(), what + ": there is a projection");
    if (!projection) return;
    if (!expected) expected = projection;
    check(projection->axes == expected->axes && projection->axis_step > 0, what + ": equal axes");
  }
}

void sketches_are_equal_at_every_level_and_number_of_threads() {
  const std::optional<Sketch> expected = Held(kConfig, few_directions()).sketch();
  check(expected.has_value(), "there is a sketch");
  for_each_level([&](const std::string& level) {
    for (const std::size_t threads : {1u, 3u}) {
      check(Held(kConfig, few_directions()).sketch(threads) == expected, level + ", " + std::to_string(threads));
    }
  });
}

// Only where codes are long and most of what a walk meets can be left out.
void an_index_has_sketches_where_they_serve() {
  const auto may = [](Storage storage, Codes codes, std::uint32_t dimensions) {
    return may_sketch({Space::Euclidean, storage, dimensions, 6, 40, 1, codes});
  };
  check(may(Storage::Float32, Codes::Int4, 641) && may(Storage::Float16, Codes::Int4, 4096), "long codes");
  check(!may(Storage::Float32, Codes::Int4, 640), "short codes");
  check(!may(Storage::Float32, Codes::Int4, 4097), "a matrix of dimensions by dimensions");
  check(!may(Storage::Float32, Codes::Int8, 700), "codes of 8 bits");
  check(!may(Storage::CodesOnly, Codes::Int4, 700), "codes alone");
  check(!Held(kConfig, scattered(4200, kDimensions, 5)).sketch().has_value(), "rows that vary in all directions");

  OpenIndex index(kConfig);
  index.add(rows_of(few_directions(), 0, kRowsForSketch - 1));
  check(!index.state.code_plane->sketch.has_value(), "few rows");
  index.add(rows_of(few_directions(), kRowsForSketch - 1, kRows));
  check(index.state.code_plane->sketch.has_value(), "many rows");
}

// For queries that were not fitted to: of the ten nearest by codes.
void few_of_the_nearest_are_left_out() {
  for (const Space space : {Space::Euclidean, Space::Cosine}) {
    IndexConfig config = kConfig;
    config.space = space;
    const Held held(config, few_directions());
    const Metric& metric = held.metric;
    const Grid grid = held.grid();
    const std::optional<Sketch> sketch = held.sketch();
    check(sketch.has_value(), "there is a sketch");
    if (!sketch) return;
    const std::size_t row_bytes = code_bytes(Codes::Int4, kDimensions);
    std::vector<unsigned char> rows(kRows * row_bytes), sketches(kRows * kSketchBytes),
        query(query_code_bytes(kDimensions) + 4), sketch_query(kSketchQueryBytes), bytes(metric.projection_bytes());
    std::vector<float> buffer(metric.padded), projected(kSketchAxes);
    for (std::size_t i = 0; i < kRows; ++i) {
      metric.encode_codes(grid, as_encoded(grid, held.row(i), metric.padded, buffer.data()),
                          rows.data() + i * row_bytes);
      write_sketch(metric, *sketch, held.row(i), bytes.data(), sketches.data() + i * kSketchBytes);
    }
    std::vector<std::uint32_t> keys(kRows), sketch_keys(kRows);
    std::size_t left_out = 0, passed = 0;
    for (std::size_t q = kRows; q < kRows + 200; ++q) {
      metric.encode_query(grid, as_encoded(grid, held.row(q), metric.padded, buffer.data()), query.data());
      metric.project(sketch->projection, held.row(q), bytes.data(), projected.data());
      metric.encode_query(sketch->grid, projected.data(), sketch_query.data());
      metric.code_walks->keys_of_all(query.data(), rows.data(), kRows, row_bytes, keys.data());
      metric.sketch_walks->keys_of_all(sketch_query.data(), sketches.data(), kRows, kSketchBytes, sketch_keys.data());
      std::vector<std::size_t> order(kRows);
      for (std::size_t i = 0; i < kRows; ++i) order[i] = i;
      std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
      const double most = static_cast<double>(sketch->factor) * keys[order[9]];
      for (std::size_t i = 0; i < 200; ++i) {
        const bool passes = sketch_keys[order[i]] <= most;
        passed += passes;
        left_out += i < 10 && !passes;
      }
    }
    const std::string what = name_of({space, Codes::Int4});
    check(left_out <= 12, what + ": of 2,000 are left out " + std::to_string(left_out));
    check(passed < 20000, what + ": of 40,000 pass " + std::to_string(passed));
  }
}

// The same index, walked without them.
void walks_led_by_sketches_find_what_others_find() {
  OpenIndex index(kConfig);
  index.add(rows_of(few_directions(), 0, kRows));
  check(index.state.code_plane->sketch.has_value(), "there is a sketch");
  const std::vector<float> queries = rows_of(few_directions(), kRows, kRows + 200);
  const QueryOptions options{10, 10, 1, {}};
  const Answers led = ask(index, queries, options);
  const double led_recall = recall(index, kRows, queries, options);
  const CodePlane& with = *index.state.code_plane;
  auto without = std::make_unique<CodePlane>(with.grid);
  without->rows.grow(kRows);
  for (std::size_t i = 0; i < kRows; ++i) std::copy_n(with.rows.row(i), with.rows.row_bytes(), without->rows.row(i));
  index.state.codes = without.get();
  const Answers others = ask(index, queries, options);
  const double recall_of_others = recall(index, kRows, queries, options);
  index.state.codes = index.state.code_plane.get();
  check(led_recall > recall_of_others - 0.01,
        "recall " + std::to_string(led_recall) + ", without sketches " + std::to_string(recall_of_others));
  // Rows that are left out are counted as met; so both counts are alike.
  const auto a = static_cast<double>(led.counters.distances), b = static_cast<double>(others.counters.distances);
  check(a > 0.9 * b && a < 1.1 * b, "distances: " + std::to_string(a) + " and " + std::to_string(b));
}

void every_level_answers_and_builds_alike() {
  const std::vector<float> rows = rows_of(few_directions(), 0, 4200),
                           queries = rows_of(few_directions(), kRows, kRows + 50);
  std::vector<std::byte> bytes;
  Answers expected;
  for_each_level([&](const std::string& level) {
    Index index(kConfig);
    index.add(rows.data(), 4200, nullptr, nullptr, {1, {}});
    index.mark_deleted(17);
    const Answers answers = ask(index, queries, {10, 40, 1, {}});
    if (bytes.empty()) {
      bytes = bytes_of(index);
      expected = answers;
    }
    check(bytes_of(index) == bytes, level + ": equal bytes");
    check(answers.ids == expected.ids && answers.distances == expected.distances, level + ": equal answers");
    check(answers.counters.distances == expected.counters.distances, level + ": equal distances");
  });
}

// Rows of other directions: the old axes show nothing of them.
void sketches_follow_the_data() {
  const std::vector<float> first = of_few_directions(4200, 40, 0);
  std::vector<float> second = of_few_directions(4400, 40, 3);
  for (std::size_t i = 0; i < second.size(); ++i) second[i] *= uniform(4, i % kDimensions) > 0 ? 1.0f : -1.0f;
  OpenIndex index(kConfig);
  index.add(first);
  check(index.state.code_plane->sketch.has_value(), "there is a sketch");
  index.add(rows_of(second, 0, 4200));
  const std::vector<float> queries = rows_of(second, 4200, 4400);
  const double found = recall(index, 8400, queries, {10, 60, 1, {}});
  check(found > 0.9, "recall of rows that came later: " + std::to_string(found));
}

void files_hold_sketches() {
  Index index(kConfig);
  const std::vector<float> rows = rows_of(few_directions(), 0, 4300),
                           queries = rows_of(few_directions(), kRows, kRows + 50);
  index.add(rows.data(), 4300, nullptr, nullptr, {1, {}});
  const Bytes bytes = bytes_of(index);
  const Answers expected = ask(index, queries, {10, 40, 1, {}});
  const format::Section section = section_of(bytes, format::Kind::Sketch);
  check(section_of(bytes, format::Kind::Sketches).rows == 4300, "a sketch for each row");
  const TemporaryPath file("sketches");
  file.write(bytes);
  for (const bool map : {false, true}) {
    LoadOptions options;
    options.map = map;
    Index loaded = Index::load(file.path, options);
    const Answers answers = ask(loaded, queries, {10, 40, 1, {}});
    check(answers.ids == expected.ids && answers.counters.distances == expected.counters.distances,
          map ? "mapped" : "read");
    const std::vector<float> more = rows_of(few_directions(), 4300, 4400);
    loaded.add(more.data(), 100, nullptr, nullptr, {1, {}});
    check(section_of(bytes_of(loaded), format::Kind::Sketches).rows == 4400, "and for those that come later");
  }
  struct Spoilt {
    std::size_t at;
    float value;
    const char* field;
  };
  constexpr std::size_t kBehindHead = sizeof(format::SketchHead);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Spoilt& spoilt :
       {Spoilt{0, 0, "sketch.axis_step"}, Spoilt{0, nan, "sketch.axis_step"}, Spoilt{4, -1, "sketch.step"},
        Spoilt{8, 2, "sketch.share_outside"}, Spoilt{12, -1, "sketch.factor"}, Spoilt{12, nan, "sketch.factor"},
        Spoilt{16, 1.5f, "sketch.share_passed"}, Spoilt{20, 1, "sketch.reserved"},
        Spoilt{kBehindHead + 8, nan, "sketch.center or origin"},
        Spoilt{kBehindHead + 704 * 4 + 8, 0x1.8p127f, "sketch.center or origin"}}) {
    Bytes bad = bytes;
    store(bad, section.offset + spoilt.at, spoilt.value);
    seal(bad);
    check(refused_field(bad) == spoilt.field,
          "byte " + std::to_string(spoilt.at) + ": refused for " + refused_field(bad));
  }
  Bytes bad = bytes;
  store(bad, section.offset + kBehindHead + (704 + 128) * 4 + 3, static_cast<std::int8_t>(-128));
  seal(bad);
  check(refused_field(bad) == "sketch.axes", "an axis: refused for " + refused_field(bad));
}

const Group group{"sketches",
                  {{"axes hold what varies", axes_hold_what_varies},
                   {"axes do not depend on the scale", axes_do_not_depend_on_the_scale},
                   {"rows that are alike have no axes", rows_that_are_alike_have_no_axes},
                   {"sketches are equal at every level and number of threads",
                    sketches_are_equal_at_every_level_and_number_of_threads},
                   {"an index has sketches where they serve", an_index_has_sketches_where_they_serve},
                   {"few of the nearest are left out", few_of_the_nearest_are_left_out},
                   {"walks led by sketches find what others find", walks_led_by_sketches_find_what_others_find},
                   {"every level answers and builds alike", every_level_answers_and_builds_alike},
                   {"sketches follow the data", sketches_follow_the_data},
                   {"files hold sketches", files_hold_sketches}}};

}  // namespace
}  // namespace nearfield::test
