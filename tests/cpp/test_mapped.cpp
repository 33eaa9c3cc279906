// A mapped index: queried while its blocks are checked for the first time, then written to beside queries.
#include <array>
#include <thread>

#include "check.h"
#include "fixtures.h"
#include "forge.h"

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

const Group group{"mapped",
                  {{"first touches, first writes and queries meet", first_touches_first_writes_and_queries_meet},
                   {"everything is checked beside queries", everything_is_checked_beside_queries}}};

}  // namespace
}  // namespace nearfield::test
