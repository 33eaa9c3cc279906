// Indexes that hold codes and no vectors: what they let go and when, and that it leaves no trace.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "allocations.h"
#include "build/recode.h"
#include "check.h"
#include "open_index.h"
#include "walk/held.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 24;

constexpr Kind kKinds[] = {
    {Space::Euclidean, Codes::Int8}, {Space::Cosine, Codes::Int4}, {Space::InnerProduct, Codes::Int8}};

IndexConfig config_of(const Kind& kind) { return {kind.space, Storage::CodesOnly, kDimensions, 6, 20, 1, kind.codes}; }

// Rows whose range grows from `from` on, so that the grid is fitted anew.
std::vector<float> drifting(std::size_t rows, std::size_t from, std::uint64_t seed) {
  std::vector<float> vectors = clustered(rows, kDimensions, seed);
  for (std::size_t row = from; row < rows; ++row) {
    const float factor = 1.0f + static_cast<float>(row - from) / 700.0f;
    for (std::size_t d = 0; d < kDimensions; d += 3) vectors[row * kDimensions + d] *= factor;
  }
  return vectors;
}

void vectors_are_let_go_with_the_round_that_fills() {
  const std::vector<float> vectors = clustered(6000, kDimensions, 3);
  const auto some = [&](std::size_t begin, std::size_t end) {
    return std::vector<float>(vectors.begin() + static_cast<std::ptrdiff_t>(begin * kDimensions),
                              vectors.begin() + static_cast<std::ptrdiff_t>(end * kDimensions));
  };
  OpenIndex index(config_of(kKinds[0]));
  index.add(some(0, 4095), 2);
  check_equal(index.state.vectors.capacity(), kFewSlots, "room for vectors before");
  index.add(some(4095, 4096));
  check_equal(index.state.vectors.capacity(), kRecentRows, "room for vectors after");
  check_equal(first_recent(4096), std::uint64_t{3584}, "the first that is kept");
  for (const std::size_t end : {4097u, 4700u, 6000u}) {
    const std::size_t begin = index.state.count.load();
    index.add(some(begin, end), 2);
    check_equal(index.state.vectors.capacity(), kRecentRows, "room for vectors in the end");
    const std::size_t first = first_recent(end);
    check(end - first >= kRecentRows / 2 && end - first < kRecentRows, "how many are kept");
    for (std::size_t slot = first; slot < end; ++slot) {
      const auto* kept = reinterpret_cast<const float*>(index.state.vector_row(slot));
      check(std::equal(kept, kept + kDimensions, vectors.begin() + static_cast<std::ptrdiff_t>(slot * kDimensions)),
            "the vector of slot " + std::to_string(slot));
    }
  }
}

void there_is_room_for_no_more_vectors_than_are_kept() {
  for (const Storage storage : {Storage::Float32, Storage::CodesOnly}) {
    IndexConfig config = config_of(kKinds[0]);
    config.storage = storage;
    State state(config);
    state.grow(100);
    check(state.vectors.capacity() >= 100 && state.vectors.capacity() < kFewSlots, "room for a few");
    state.grow(100'000);  // of one call, before its first round
    check(storage == Storage::CodesOnly ? state.vectors.capacity() == kFewSlots : state.vectors.capacity() >= 100'000,
          "room for vectors: " + std::to_string(state.vectors.capacity()));
    check(state.ids.capacity() >= 100'000, "room for ids");
  }
}

// What codes stand for, against the formula, and no further from what was given than half a step.
void what_is_held_is_what_codes_stand_for() {
  for (const std::uint32_t dimensions : {24u, 70u, 150u}) {
    for (const Kind& kind : kKinds) {
      IndexConfig config = config_of(kind);
      config.dimensions = dimensions;
      for (const bool rotated : {false, true}) {
        if (rotated && kind.space == Space::InnerProduct) continue;
        const Metric metric(config, active_level());
        Grid grid = empty_grid(kind.codes, kind.space, dimensions);
        grid.rotated = rotated;
        grid.step = 0.03f;
        const float width = kind.codes == Codes::Int4 ? 8 : 1;
        for (std::size_t d = 0; d < metric.padded; ++d) {
          const bool none = kind.space == Space::InnerProduct || (d >= dimensions && !rotated);
          grid.origin[d] = none ? 0.0f : -1.7f - 0.01f * static_cast<float>(d % 7);
        }
        std::vector<float> vector(metric.padded), turned(metric.padded), decoded(metric.padded);
        for (std::size_t d = 0; d < dimensions; ++d) vector[d] = uniform(8, d);
        std::vector<unsigned char> codes(code_bytes(kind.codes, dimensions));
        const float* encoded = as_encoded(grid, vector.data(), metric.padded, turned.data());
        metric.encode_codes(grid, encoded, codes.data());
        decode_grid(grid, codes.data(), metric.padded, decoded.data());
        const std::string what = name_of(kind) + ", d = " + std::to_string(dimensions);
        for (std::size_t d = 0; d < metric.padded; ++d) {
          check_near(decoded[d], encoded[d], 0.5001 * width * grid.step, what + ", at " + std::to_string(d));
        }
        std::vector<float> back(encoded, encoded + metric.padded);
        turn_back(grid, back.data(), dimensions, metric.padded);
        for (std::size_t d = 0; d < metric.padded; ++d) check_near(back[d], vector[d], 1e-5, what + ": the way back");
        if (kind.space != Space::Cosine) continue;
        decode_codes(metric, grid, codes.data(), decoded.data());
        double squares = 0;
        for (const float x : decoded) squares += static_cast<double>(x) * x;
        check_near(squares, 1, 1e-5, what + ": of unit length");
      }
    }
  }
}

void they_are_equal_on_every_level_and_thread_count_and_after_a_stop() {
  constexpr std::size_t kRows = 5400;
  const std::vector<float> vectors = drifting(kRows, 4300, 4);
  const std::vector<float> queries = clustered(30, kDimensions, 104);
  for (const Kind& kind : kKinds) {
    std::vector<std::byte> bytes;
    Answers answers;
    for_each_level([&](const std::string& level) {
      Index index(config_of(kind));
      index.add(vectors.data(), kRows, nullptr, nullptr, {level == "scalar" ? 1u : 3u, {}});
      const std::vector<std::byte> found = bytes_of(index);
      const Answers now = ask(index, queries, {10, 50, 1, {}});
      const Answers scanned = ask(index, queries, {10, kRows, 1, {}});
      if (bytes.empty()) {
        bytes = found;
        answers = now;
      }
      check(found == bytes, name_of(kind) + ", " + level + ": bytes");
      check(now.ids == answers.ids && now.distances == answers.distances, name_of(kind) + ", " + level + ": answers");
      std::size_t same = 0;
      for (std::size_t i = 0; i < now.ids.size(); ++i) {
        for (std::size_t other = i / 10 * 10; other < i / 10 * 10 + 10; ++other) {
          if (now.ids[i] != scanned.ids[other]) continue;
          ++same;
          check_equal(now.distances[i], scanned.distances[other], name_of(kind) + ": walks and scans");
        }
      }
      check(same >= 150, name_of(kind) + ": found by walks and scans: " + std::to_string(same));
    });
    if (kind.space != Space::Euclidean) continue;
    struct Stop {};
    Index stopped(config_of(kind));
    for (const std::size_t at : {3900u, 4400u, 5000u}) {  // one of them while vectors are let go
      const std::size_t begin = stopped.counts().live;
      try {
        stopped.add(vectors.data() + begin * kDimensions, kRows - begin, nullptr, nullptr,
                    {1, [at, begin](std::size_t done, std::size_t) {
                       if (begin + done > at) throw Stop{};
                     }});
        check(false, "the exception of poll comes home");
      } catch (const Stop&) {
      }
    }
    const std::size_t kept = stopped.counts().live;
    stopped.add(vectors.data() + kept * kDimensions, kRows - kept, nullptr, nullptr, {});
    check(ask(stopped, queries, {10, 50, 0, {}}).ids == answers.ids, name_of(kind) + ": after stops");
    // A file goes on like the index that wrote it, before and after the vectors are gone.
    for (const std::size_t rows : {3000u, 4800u}) {
      Index first(config_of(kind));
      first.add(vectors.data(), rows, nullptr, nullptr, {});
      const std::vector<std::byte> saved = bytes_of(first);
      Index loaded = Index::load(saved, {});
      check(bytes_of(loaded) == saved, name_of(kind) + ": read and written");
      for (Index* index : {&first, &loaded}) {
        index->add(vectors.data() + rows * kDimensions, kRows - rows, nullptr, nullptr, {});
      }
      check(bytes_of(first) == bytes_of(loaded), name_of(kind) + ": a file goes on, from " + std::to_string(rows));
    }
  }
}

// Memory that ends in the round that lets vectors go: they are still there, or gone with the round published.
void an_add_without_memory_leaves_the_index_whole() {
  constexpr std::size_t kOld = 4000, kNew = 200;
  const std::vector<float> vectors = clustered(kOld + kNew, kDimensions, 9);
  Index whole(config_of(kKinds[0]));
  whole.add(vectors.data(), kOld, nullptr, nullptr, {1, {}});
  const std::vector<std::byte> before = bytes_of(whole);
  std::size_t failures = 0;
  for (std::uint64_t n = 1; n < 100'000; n += 1 + n / 6) {
    Index index = Index::load(before, {});
    const bool failed =
        runs_out_of_memory(n, [&] { index.add(vectors.data() + kOld * kDimensions, kNew, nullptr, nullptr, {1, {}}); });
    if (!failed) break;
    ++failures;
    const std::size_t live = index.counts().live;
    check(live == kOld || live == 4096 || live == kOld + kNew, "live rows: " + std::to_string(live));
    index = Index::load(bytes_of(index), {});
    index.add(vectors.data() + live * kDimensions, kOld + kNew - live, nullptr, nullptr, {1, {}});
    check(index.validate().empty(), "after the next add: " + index.validate());
    std::vector<float> queries;
    for (std::size_t row = 0; row < kOld + kNew; row += 70) {
      const auto begin = vectors.begin() + static_cast<std::ptrdiff_t>(row * kDimensions);
      queries.insert(queries.end(), begin, begin + kDimensions);
    }
    const Answers found = ask(index, queries, {1, kOld + kNew, 0, {}});
    for (std::size_t i = 0; i < found.ids.size(); ++i) check_equal(found.ids[i], Id{70 * i}, "a row finds itself");
    if (failures % 8 != 1) n += n / 3;
  }
  check(failures > 8, "allocations that failed: " + std::to_string(failures));
}

// One row at a time: none of them alone says how far the others are out.
void a_stream_of_single_rows_that_drifts_is_followed() {
  constexpr std::size_t kFirst = 4200, kRows = 5600;
  const std::vector<float> vectors = drifting(kRows, kFirst, 5);
  OpenIndex index(config_of(kKinds[0]));
  index.add({vectors.begin(), vectors.begin() + kFirst * kDimensions});
  for (std::size_t row = kFirst; row < kRows; ++row) {
    const auto begin = vectors.begin() + static_cast<std::ptrdiff_t>(row * kDimensions);
    index.add({begin, begin + kDimensions});
  }
  std::size_t off = 0;  // components of those that drift
  std::vector<float> held(index.metric.padded);
  for (std::size_t slot = kFirst; slot < kRows; ++slot) {
    held_vector(index.state, index.metric, index.state.codes.load(), static_cast<Slot>(slot), held.data());
    for (std::size_t d = 0; d < kDimensions; ++d) off += std::fabs(held[d] - vectors[slot * kDimensions + d]) > 0.05f;
  }
  const double share = static_cast<double>(off) / static_cast<double>((kRows - kFirst) * kDimensions);
  check(share < 0.02, "components that are held far off: " + std::to_string(share));
}

// The thread sanitizer and the address sanitizer watch.
void readers_go_on_while_vectors_are_let_go() {
  const std::vector<float> vectors = drifting(5300, 4100, 6);
  Index index(config_of(kKinds[0]));
  index.add(vectors.data(), 3500, nullptr, nullptr, {});
  std::atomic<bool> adding{true};
  std::vector<std::thread> readers;
  for (std::size_t reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      std::vector<float> held(5 * kDimensions);
      for (std::uint64_t turn = 0; adding; ++turn) {
        const std::size_t row = mix64(turn + reader) % 3400;
        const auto begin = vectors.begin() + static_cast<std::ptrdiff_t>(row * kDimensions);
        const Answers answers = ask(index, {begin, begin + kDimensions}, {5, turn % 16 == 0 ? 2000u : 30u, 1, {}});
        check_equal(answers.counts[0], 5u, "results");
        index.get_vectors(answers.ids.data(), 5, held.data());
        index.distance(held.data(), vectors.data());
      }
    });
  }
  for (std::size_t row = 3500; row < 5300; row += 300) {
    index.add(vectors.data() + row * kDimensions, 300, nullptr, nullptr, {2, {}});
  }
  adding = false;
  for (std::thread& reader : readers) reader.join();
  check(index.stats().vector_bytes < kRecentRows * 32 * sizeof(float), "vectors are gone");
}

// A zero vector has a row of its own, which stands for nothing on the grid.
void zero_vectors_stay_so_when_data_drifts() {
  for (const Codes codes : {Codes::Int8, Codes::Int4}) {
    OpenIndex index(config_of({Space::Cosine, codes}));
    std::vector<float> cone = clustered(4200, kDimensions, 8);
    for (float& x : cone) x = 5.0f + 0.3f * x;
    constexpr std::size_t kZero = 100;
    std::fill_n(cone.begin() + kZero * kDimensions, kDimensions, 0.0f);
    index.add(cone);
    const CodePlane* before = index.state.codes.load();
    index.add(clustered(1200, kDimensions, 9));
    check(index.state.codes.load() != before, "data drifts");
    std::vector<float> held(index.metric.padded, 1.0f);
    held_vector(index.state, index.metric, index.state.codes.load(), kZero, held.data());
    for (const float x : held) check_equal(x, 0.0f, name_of({Space::Cosine, codes}) + ": a component");
  }
}

// A beam of half of the rows: all of them are read where that is cheaper than walking.
void rows_of_4_bits_are_walked_to_as_long_as_that_is_cheaper() {
  constexpr std::size_t kRows = 1000;
  const std::vector<float> vectors = clustered(kRows, kDimensions, 3);
  const std::vector<float> query(vectors.begin(), vectors.begin() + kDimensions);
  for (const Codes codes : {Codes::Int8, Codes::Int4}) {
    OpenIndex index(config_of({Space::Euclidean, codes}));
    index.add(vectors);
    const auto hops = [&](std::size_t ef) { return ask(index, query, {10, ef, 1, {}}).counters.hops; };
    check(hops(kRows / 5) > 0, "a fifth is walked");
    check_equal(hops(kRows / 2) > 0, codes == Codes::Int4, name_of({Space::Euclidean, codes}) + ": half is walked");
    check_equal(hops(kRows), std::uint64_t{0}, "all are read");
  }
}

// What is there only as codes is rounded once more by each new grid: not by one that comes to nothing.
void a_round_that_is_stopped_leaves_the_grid_alone() {
  struct Stop {};
  constexpr std::size_t kBefore = 5000, kMore = 700;
  const std::vector<float> vectors = clustered(kBefore, kDimensions, 4);
  std::vector<float> wide = clustered(kMore, kDimensions, 5);
  for (float& x : wide) x *= 3.0f;
  for (const Kind& kind : kKinds) {
    Index stopped(config_of(kind)), whole(config_of(kind));
    stopped.add(vectors.data(), kBefore, nullptr, nullptr, {});
    whole.add(vectors.data(), kBefore, nullptr, nullptr, {});
    const std::vector<std::byte> before = bytes_of(stopped);
    try {
      stopped.add(wide.data(), kMore, nullptr, nullptr, {1, [](std::size_t, std::size_t) { throw Stop{}; }});
      check(false, "the exception of poll comes home");
    } catch (const Stop&) {
    }
    check(bytes_of(stopped) == before, name_of(kind) + ": bytes after a stop");
    stopped.add(wide.data(), kMore, nullptr, nullptr, {});
    whole.add(wide.data(), kMore, nullptr, nullptr, {});
    check(bytes_of(stopped) == bytes_of(whole), name_of(kind) + ": bytes after the second attempt");
  }
}

const Group group{"codes only",
                  {{"vectors are let go with the round that fills", vectors_are_let_go_with_the_round_that_fills},
                   {"there is room for no more vectors than are kept", there_is_room_for_no_more_vectors_than_are_kept},
                   {"what is held is what codes stand for", what_is_held_is_what_codes_stand_for},
                   {"they are equal on every level and thread count and after a stop",
                    they_are_equal_on_every_level_and_thread_count_and_after_a_stop},
                   {"an add without memory leaves the index whole", an_add_without_memory_leaves_the_index_whole},
                   {"a stream of single rows that drifts is followed", a_stream_of_single_rows_that_drifts_is_followed},
                   {"zero vectors stay so when data drifts", zero_vectors_stay_so_when_data_drifts},
                   {"rows of 4 bits are walked to as long as that is cheaper",
                    rows_of_4_bits_are_walked_to_as_long_as_that_is_cheaper},
                   {"a round that is stopped leaves the grid alone", a_round_that_is_stopped_leaves_the_grid_alone},
                   {"readers go on while vectors are let go", readers_go_on_while_vectors_are_let_go}}};

}  // namespace
}  // namespace nearfield::test
