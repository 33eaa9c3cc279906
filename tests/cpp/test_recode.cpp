// Indexes that walk on codes: alike on every level, fitted anew when the data drifts, beside readers.
#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "build/recode.h"
#include "check.h"
#include "nearfield/error.h"
#include "open_index.h"

namespace nearfield::test {
namespace {

constexpr std::uint32_t kDimensions = 24;

constexpr Kind kKinds[] = {{Space::Euclidean, Codes::Int8},
                           {Space::Cosine, Codes::Int8},
                           {Space::InnerProduct, Codes::Int8},
                           {Space::Euclidean, Codes::Int4},
                           {Space::Cosine, Codes::Int4}};

IndexConfig config_of(const Kind& kind, Storage storage = Storage::Float32) {
  return {kind.space, storage, kDimensions, 8, 40, 1, kind.codes};
}

std::vector<float> shifted(std::vector<float> vectors, float by) {
  for (float& x : vectors) x += by;
  return vectors;
}

void coded_indexes_are_equal_on_every_level_and_thread_count() {
  constexpr std::size_t kRows = 1100;  // three rounds
  const std::vector<float> vectors = clustered(kRows, kDimensions, 4);
  const std::vector<float> queries = clustered(40, kDimensions, 104);
  for (const Kind& kind : kKinds) {
    for (const Storage storage : {Storage::Float32, Storage::Float16, Storage::E4M3}) {
      if (storage == Storage::E4M3 && kind.space != Space::Euclidean) continue;
      std::vector<std::byte> bytes;
      Answers answers;
      for_each_level([&](const std::string& level) {
        for (const std::size_t threads : {1u, 8u}) {
          const std::string what = name_of(kind) + ", " + level + ", threads " + std::to_string(threads);
          Index index(config_of(kind, storage));
          index.add(vectors.data(), kRows, nullptr, nullptr, {threads, {}});
          const std::vector<std::byte> found = bytes_of(index);
          const Answers now = ask(index, queries, {10, 50, threads, {}});
          if (bytes.empty()) {
            bytes = found;
            answers = now;
          }
          check(found == bytes, what + ": bytes");
          check(now.ids == answers.ids && now.distances == answers.distances, what + ": answers");
          check(now.counters.distances == answers.counters.distances && now.counters.hops == answers.counters.hops,
                what + ": counters");
        }
      });
    }
  }
}

void codes_of_too_many_dimensions_are_refused() {
  for (const Kind& kind : kKinds) {
    IndexConfig config = config_of(kind);
    config.dimensions = kMaxCodedDimensions;
    const Index widest(config);
    ++config.dimensions;
    check_throws<InvalidInput>([&config] { const Index index(config); }, "codes='none'");
    config.codes = Codes::None;
    const Index plain(config);
  }
}

// Distances are those of the stored vectors, whatever the codes have made of them.
void answers_of_coded_indexes_are_exact() {
  constexpr std::size_t kRows = 1500;
  const std::vector<float> vectors = clustered(kRows, kDimensions, 5);
  const std::vector<float> queries = clustered(60, kDimensions, 105);
  for (const Kind& kind : kKinds) {
    OpenIndex index(config_of(kind));
    index.add(vectors);
    check(index.state.codes.load() != nullptr, "the index has codes");
    for (const std::size_t k : {1u, 10u, 40u}) {
      check(recall(index, kRows, queries, {k, 80, 1, {}}) >= 0.95, name_of(kind) + ": recall@" + std::to_string(k));
    }
    const Answers found = ask(index, queries, {10, 80, 1, {}});
    const WalkView view = vectors_of(read_state(index.state, index.metric).view, index.state);
    std::vector<float> query(index.metric.padded), distances(10);
    std::vector<Slot> slots(10);
    for (std::size_t q = 0; q < 60; ++q) {
      index.metric.prepare(queries.data() + q * kDimensions, query.data());
      index.metric.scale_query(query.data());
      for (std::size_t i = 0; i < 10; ++i) slots[i] = static_cast<Slot>(found.ids[10 * q + i]);
      index.metric.distances(view, query.data(), slots.data(), 10, distances.data());
      for (std::size_t i = 0; i < 10; ++i)
        check_equal(found.distances[10 * q + i], distances[i], name_of(kind) + ": distance");
      check(std::is_sorted(distances.begin(), distances.end()), name_of(kind) + ": sorted by exact distance");
    }
  }
}

void data_that_drifts_is_coded_anew() {
  constexpr std::size_t kFirst = 2000, kMore = 700;
  for (const Kind& kind : kKinds) {
    IndexConfig config = config_of(kind);
    config.M = 12;
    config.ef_construction = 200;
    OpenIndex index(config);
    index.add(clustered(kFirst, kDimensions, 6));
    const CodePlane* before = index.state.codes.load();
    const float step = before->grid.step;
    check(before == index.state.code_plane.get(), "what readers see is what the writer keeps");
    index.add(clustered(10, kDimensions, 7));
    check(index.state.codes.load() == before, name_of(kind) + ": rows of the same kind leave the grid as it is");
    std::optional<ScratchPool::Lease> reader(index.pool.lend());
    // In one direction alone, or unit vectors would stay where they are.
    std::vector<float> far = clustered(kMore, kDimensions, 8);
    for (std::size_t i = 0; i < far.size(); i += kDimensions) far[i] += 8.0f;
    index.add(far, 2);
    const CodePlane* after = index.state.codes.load();
    check(after != before, name_of(kind) + ": the grid was fitted anew");
    check(after == index.state.code_plane.get(), "what readers see is what the writer keeps");
    check(kind.space == Space::Cosine || after->grid.step > step, name_of(kind) + ": it is wider");
    check(!index.state.retired_codes.empty(), name_of(kind) + ": the old codes stay while somebody may read them");
    index.add(clustered(1, kDimensions, 9));
    check(!index.state.retired_codes.empty(), name_of(kind) + ": they stay");
    reader.reset();
    index.add(clustered(1, kDimensions, 10));
    check(index.state.retired_codes.empty(), name_of(kind) + ": they go with the next round after the reader has left");
    for (std::size_t slot = 0; slot < index.state.count.load(); ++slot) {
      std::vector<float> vector(index.metric.padded);
      std::vector<unsigned char> codes(code_bytes(kind.codes, kDimensions));
      const CodePlane& plane = *index.state.code_plane;
      std::vector<float> rotated(index.metric.padded);
      const float* held = index.metric.held(index.state.vectors.row(slot), vector.data());
      index.metric.encode_codes(plane.grid, as_encoded(plane.grid, held, index.metric.padded, rotated.data()),
                                codes.data());
      check(std::equal(codes.begin(), codes.end(), reinterpret_cast<const unsigned char*>(plane.rows.row(slot))),
            name_of(kind) + ": codes of slot " + std::to_string(slot));
    }
    const std::vector<float> near_queries = clustered(40, kDimensions, 106);
    std::vector<float> far_queries = clustered(40, kDimensions, 107);
    for (std::size_t i = 0; i < far_queries.size(); i += kDimensions) far_queries[i] += 8.0f;
    // Of the same rows in the same order without codes: the order costs recall as well.
    config.codes = Codes::None;
    OpenIndex without(config);
    without.add(clustered(kFirst, kDimensions, 6));
    without.add(clustered(10, kDimensions, 7));
    without.add(far);
    const std::size_t rows = index.state.count.load();
    for (const std::vector<float>& queries : {near_queries, far_queries}) {
      const double found = recall(index, rows, queries, {10, 80, 1, {}});
      const double expected = recall(without, kFirst + 10 + kMore, queries, {10, 80, 1, {}});
      // Four bits of nearly parallel rows, and products with one long component, tell little apart.
      const bool hard = kind.codes == Codes::Int4 || kind.space == Space::InnerProduct;
      check(found >= expected - (hard ? 0.1 : 0.02),
            name_of(kind) + ": recall " + std::to_string(found) + ", without codes " + std::to_string(expected));
    }
  }
}

// 4 bits leave more outside than 8 when they are fitted: no reason to fit again and again.
void rows_of_one_kind_seldom_fit_anew() {
  for (const Kind& kind : kKinds) {
    OpenIndex index(config_of(kind));
    std::size_t fits = 0;
    const CodePlane* before = nullptr;
    for (std::uint64_t round = 0; round < 30; ++round) {
      index.add(clustered(100, kDimensions, 20 + round), 1);
      fits += index.state.codes.load() != before;
      before = index.state.codes.load();
    }
    check(fits >= 1 && fits <= 5, name_of(kind) + ": fitted " + std::to_string(fits) + " times");
  }
}

// One row that is far off from all others costs them nothing.
void an_outlier_costs_no_recall() {
  constexpr std::size_t kRows = 1500;
  for (const Kind& kind : kKinds) {
    if (kind.space != Space::Euclidean) continue;
    std::vector<float> vectors = clustered(kRows, kDimensions, 21);
    vectors[40 * kDimensions + 5] = 1000.0f;
    OpenIndex index(config_of(kind));
    index.add(vectors);
    const double found = recall(index, kRows, clustered(40, kDimensions, 121), {10, 80, 1, {}});
    check(found >= 0.95, name_of(kind) + ": recall " + std::to_string(found));
  }
}

// The codes depend on the order of rows alone: an add that was stopped leaves no trace in them.
void a_stopped_add_of_codes_goes_on_as_if_nothing_had_been() {
  constexpr std::size_t kRows = 2600;
  std::vector<float> vectors = clustered(kRows, kDimensions, 11);
  for (std::size_t i = 1200 * kDimensions; i < vectors.size(); ++i) vectors[i] *= 3.0f;
  for (const Kind& kind : kKinds) {
    struct Stop {};
    Index stopped(config_of(kind)), whole(config_of(kind));
    whole.add(vectors.data(), kRows, nullptr, nullptr, {});
    for (const std::size_t at : {600u, 1100u, 1700u}) {
      const std::size_t begin = stopped.counts().live;
      const AddOptions options{1, [at, begin](std::size_t done, std::size_t) {
                                 if (begin + done > at) throw Stop{};
                               }};
      try {
        stopped.add(vectors.data() + begin * kDimensions, kRows - begin, nullptr, nullptr, options);
        check(false, "the exception of poll comes home");
      } catch (const Stop&) {
      }
    }
    const std::size_t kept = stopped.counts().live;
    check(kept >= 1536 && kept < kRows, "whole rounds are kept: " + std::to_string(kept));
    stopped.add(vectors.data() + kept * kDimensions, kRows - kept, nullptr, nullptr, {});
    check(ask(stopped, vectors, {5, 40, 0, {}}).ids == ask(whole, vectors, {5, 40, 0, {}}).ids, name_of(kind));
  }
}

void readers_go_on_while_codes_are_replaced() {
  const std::vector<float> first = clustered(600, kDimensions, 12);
  for (const Kind& kind : {kKinds[0], kKinds[2], kKinds[3]}) {
    OpenIndex index(config_of(kind));
    index.add(first);
    std::atomic<bool> adding{true};
    std::vector<std::thread> readers;
    for (std::size_t reader = 0; reader < 2; ++reader) {
      readers.emplace_back([&, reader] {
        for (std::size_t turn = 0; adding; ++turn) {
          const std::size_t row = mix64(turn) % 500;
          const auto begin = first.begin() + static_cast<std::ptrdiff_t>(row * kDimensions);
          const std::vector<float> queries(begin, begin + kDimensions * (reader == 0 ? 1 : 7));
          const Answers answers = ask(index, queries, {5, 30, 1, {}});
          for (const std::uint32_t count : answers.counts) check_equal(count, 5u, "results");
          if (kind.space == Space::Euclidean) check_equal(answers.distances[0], 0.0f, "a row finds itself");
        }
      });
    }
    const CodePlane* before = index.state.codes.load();
    std::size_t replaced = 0;
    for (int i = 1; i <= 8; ++i) {
      index.add(shifted(clustered(200, kDimensions, 13), 3.0f * static_cast<float>(i)), 2);
      replaced += index.state.codes.load() != before;
      before = index.state.codes.load();
    }
    adding = false;
    for (std::thread& reader : readers) reader.join();
    check(replaced >= 4, name_of(kind) + ": replaced " + std::to_string(replaced) + " times");
    free_retired_codes(index.state, index.pool);
    check(index.state.retired_codes.empty(), "all retired codes are free when nobody reads");
  }
}

const Group group{
    "recode",
    {{"coded indexes are equal on every level and thread count",
      coded_indexes_are_equal_on_every_level_and_thread_count},
     {"codes of too many dimensions are refused", codes_of_too_many_dimensions_are_refused},
     {"answers of coded indexes are exact", answers_of_coded_indexes_are_exact},
     {"data that drifts is coded anew", data_that_drifts_is_coded_anew},
     {"rows of one kind seldom fit anew", rows_of_one_kind_seldom_fit_anew},
     {"an outlier costs no recall", an_outlier_costs_no_recall},
     {"a stopped add of codes goes on as if nothing had been", a_stopped_add_of_codes_goes_on_as_if_nothing_had_been},
     {"readers go on while codes are replaced", readers_go_on_while_codes_are_replaced}}};

}  // namespace
}  // namespace nearfield::test
