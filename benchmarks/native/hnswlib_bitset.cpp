// hnswlib under a filter, at its best: a bit for each row, tested in C++, one query after the other on one thread.
//
// A library for benchmarks/filtering/bitset.py, which compiles it against the headers of the hnswlib that is installed
// and with the flags of its own setup.py. Nothing of hnswlib is changed: it loads what the Python module saved, and the
// filter is what its documentation asks for. Functions return 0, or -1 where hnswlib threw.
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Index {
  std::size_t dimensions;
  bool normalises;  // cosine: the Python module stores rows of length 1 and scales queries, and so does this
  std::unique_ptr<hnswlib::SpaceInterface<float>> space;
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
  std::vector<float> scaled;
};

class Bits final : public hnswlib::BaseFilterFunctor {
 public:
  explicit Bits(const std::uint64_t* words) : words_(words) {}
  bool operator()(hnswlib::labeltype id) override { return (words_[id >> 6] >> (id & 63) & 1) != 0; }

 private:
  const std::uint64_t* words_;
};

// While distances are counted, hnswlib calls this in place of its own function.
hnswlib::DISTFUNC<float> counted_function = nullptr;
std::uint64_t num_distances = 0;
float count_distance(const void* a, const void* b, const void* dimensions) {
  ++num_distances;
  return counted_function(a, b, dimensions);
}

const float* prepared(Index& index, const float* query) {
  if (!index.normalises) return query;
  float squares = 0;
  for (std::size_t i = 0; i < index.dimensions; ++i) squares += query[i] * query[i];
  const float factor = 1.0f / (std::sqrt(squares) + 1e-30f);
  for (std::size_t i = 0; i < index.dimensions; ++i) index.scaled[i] = query[i] * factor;
  return index.scaled.data();
}

// The k nearest that pass, nearest first; -1 where there are none.
void ask(Index& index, const float* query, std::size_t k, const std::uint64_t* words, std::int64_t* ids) {
  Bits filter(words);
  auto found = index.graph->searchKnn(prepared(index, query), k, &filter);
  std::fill_n(ids, k, -1);
  for (std::size_t place = found.size(); place-- > 0; found.pop()) {
    ids[place] = static_cast<std::int64_t>(found.top().second);
  }
}

template <class Body>
int timed(std::size_t queries, std::int64_t* nanoseconds, const Body& body) {
  try {
    for (std::size_t q = 0; q < queries; ++q) {
      const Clock::time_point begin = Clock::now();
      body(q);
      nanoseconds[q] = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
    }
  } catch (const std::exception&) {
    return -1;
  }
  return 0;
}

void flip(std::uint64_t* words, const std::uint64_t* ids, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) words[ids[i] >> 6] ^= std::uint64_t{1} << (ids[i] & 63);
}

}  // namespace

extern "C" {

// Null where the file cannot be loaded. Spaces: 0 is squared L2, 1 inner product, 2 cosine.
void* bitset_open(const char* path, std::size_t dimensions, int space) {
  try {
    auto index = std::make_unique<Index>();
    index->dimensions = dimensions;
    index->normalises = space == 2;
    index->scaled.resize(dimensions);
    if (space == 0) {
      index->space = std::make_unique<hnswlib::L2Space>(dimensions);
    } else {
      index->space = std::make_unique<hnswlib::InnerProductSpace>(dimensions);
    }
    index->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(index->space.get(), std::string(path));
    return index.release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

void bitset_close(void* index) { delete static_cast<Index*>(index); }

// From ids, none of them twice, to bits: all of `words` one way, those of the ids the other. `set`: these are 1.
void bitset_fill(std::uint64_t* words, std::size_t num_words, const std::uint64_t* ids, std::size_t count, int set) {
  std::fill_n(words, num_words, set != 0 ? 0 : ~std::uint64_t{0});
  flip(words, ids, count);
}

// Queries under filters that are there: that of query q begins at bits + q * stride.
int bitset_search(void* handle, const float* queries, std::size_t n, std::size_t k, std::size_t ef,
                  const std::uint64_t* bits, std::size_t stride, std::int64_t* ids, std::int64_t* nanoseconds) {
  Index& index = *static_cast<Index*>(handle);
  index.graph->setEf(ef);
  return timed(n, nanoseconds,
               [&](std::size_t q) { ask(index, queries + q * index.dimensions, k, bits + q * stride, ids + q * k); });
}

// Queries that leave out a set of ids each: its bits are taken away before the query and given back after it, which
// walks the set twice and not the bits. All bits are set before and afterwards.
int bitset_search_without(void* handle, const float* queries, std::size_t n, std::size_t k, std::size_t ef,
                          const std::uint64_t* ends, const std::uint64_t* denied, std::uint64_t* bits,
                          std::int64_t* ids, std::int64_t* nanoseconds) {
  Index& index = *static_cast<Index*>(handle);
  index.graph->setEf(ef);
  return timed(n, nanoseconds, [&](std::size_t q) {
    flip(bits, denied + ends[q], ends[q + 1] - ends[q]);
    ask(index, queries + q * index.dimensions, k, bits, ids + q * k);
    flip(bits, denied + ends[q], ends[q + 1] - ends[q]);
  });
}

// From now on, count distances, or do so no more; the count so far.
std::uint64_t bitset_count(void* handle, int on) {
  hnswlib::HierarchicalNSW<float>& graph = *static_cast<Index*>(handle)->graph;
  if (on != 0) {
    num_distances = 0;
    counted_function = graph.fstdistfunc_;
    graph.fstdistfunc_ = count_distance;
  } else {
    graph.fstdistfunc_ = counted_function;
  }
  return num_distances;
}

}  // extern "C"
