// Filtered questions: sets of ids that are owned, an index asked under them, and what a plain scan says of the same.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "columns/filtered.h"
#include "nearfield/filter.h"
#include "open_index.h"

namespace nearfield::test {

// What a test gives as `exclude` or `allow`.
struct Sets {
  std::vector<Id> ids{};
  std::vector<std::uint64_t> offsets{};  // empty: one set for all queries
  std::vector<std::uint8_t> absent{};
  bool given = false;

  IdSets view() const {
    return {ids.data(), ids.size(), offsets.empty() ? nullptr : offsets.data(),
            absent.empty() ? nullptr : absent.data(), given};
  }
  // Whether a query has a set, and whether an id is in it.
  bool has(std::size_t query) const { return given && (absent.empty() || absent[query] == 0); }
  bool holds(std::size_t query, Id id) const {
    const auto at = [this](std::size_t i) { return ids.begin() + static_cast<std::ptrdiff_t>(i); };
    if (offsets.empty()) return std::find(ids.begin(), ids.end(), id) != ids.end();
    return std::find(at(offsets[query]), at(offsets[query + 1]), id) != at(offsets[query + 1]);
  }
};

inline Sets one_set(std::vector<Id> ids) { return {std::move(ids), {}, {}, true}; }

inline Sets set_each(const std::vector<std::optional<std::vector<Id>>>& sets) {
  Sets made{{}, {0}, {}, true};
  for (const auto& set : sets) {
    if (set) made.ids.insert(made.ids.end(), set->begin(), set->end());
    made.offsets.push_back(made.ids.size());
    made.absent.push_back(set ? 0 : 1);
  }
  return made;
}

// The set of one query, as that of a call of its own.
inline Sets set_of(const Sets& sets, std::size_t query) {
  if (!sets.given || sets.offsets.empty()) return sets;
  if (!sets.has(query)) return {};
  return one_set({sets.ids.begin() + static_cast<std::ptrdiff_t>(sets.offsets[query]),
                  sets.ids.begin() + static_cast<std::ptrdiff_t>(sets.offsets[query + 1])});
}

struct Under {
  Sets exclude{}, allow{};
  Plan plan = Plan::Auto;
  bool counts = false;
  std::function<void()> meanwhile{};  // of an open index: done whenever its ids are about to be looked up
};

struct Filtered : Answers {
  std::vector<QueryReport> reports;
};

template <class Query>
Filtered ask_by(const Query& query, std::size_t rows, const QueryOptions& asked, const Under& under) {
  Filtered answers;
  answers.ids.resize(rows * asked.k);
  answers.distances.resize(rows * asked.k);
  answers.counts.resize(rows);
  answers.reports.resize(rows);
  const QueryFilter filter{.exclude = under.exclude.view(),
                           .allow = under.allow.view(),
                           .plan = under.plan,
                           .counts = under.counts,
                           .reports = answers.reports.data()};
  QueryOptions options = asked;
  options.filter = &filter;
  answers.counters = query(options, answers);
  return answers;
}

inline Filtered ask(const Index& index, const std::vector<float>& queries, const QueryOptions& asked,
                    const Under& under) {
  const std::size_t rows = queries.size() / index.config().dimensions;
  return ask_by(
      [&](const QueryOptions& options, Filtered& to) {
        return index.query(queries.data(), rows, options, to.ids.data(), to.distances.data(), to.counts.data());
      },
      rows, asked, under);
}

inline Filtered ask(const OpenIndex& index, const std::vector<float>& queries, const QueryOptions& asked,
                    const Under& under) {
  const std::size_t rows = queries.size() / index.metric.dimensions;
  const WithIds with_ids = [&](const auto& body) {
    if (under.meanwhile) under.meanwhile();
    body(*index.current.load(), index.table);
  };
  return ask_by(
      [&](const QueryOptions& options, Filtered& to) {
        return query_filtered(index.current, index.metric, index.pool, with_ids, queries.data(), rows, options,
                              to.ids.data(), to.distances.data(), to.counts.data());
      },
      rows, asked, under);
}

// What may be returned, by a scan that knows no filters: all that is there for each query, nearest first.
struct Truth {
  template <class Any>
  Truth(const Any& index, std::size_t dimensions, const std::vector<float>& vectors, std::size_t slots)
      : k(std::max<std::size_t>(1, slots)),
        all(ask(index, vectors, {k, 4 * k, 1, {}})),
        num(vectors.size() / dimensions) {
    for (std::size_t q = 0; q < num; ++q) {
      for (std::size_t i = 0; i < all.counts[q]; ++i) place[{q, all.ids[q * k + i]}] = q * k + i;
    }
  }
  // Places in `all` of what passes, in order.
  std::vector<std::size_t> passing(std::size_t query, const Under& under) const {
    const std::set<Id> denied = set_at(under.exclude, query), allowed = set_at(under.allow, query);
    const bool denies = under.exclude.has(query), allows = under.allow.has(query);
    std::vector<std::size_t> places;
    for (std::size_t i = query * k; i < query * k + all.counts[query]; ++i) {
      if (denies && denied.count(all.ids[i]) > 0) continue;
      if (allows && allowed.count(all.ids[i]) == 0) continue;
      places.push_back(i);
    }
    return places;
  }

  std::size_t k;
  Answers all;
  std::size_t num;
  std::map<std::pair<std::size_t, Id>, std::size_t> place;

 private:
  static std::set<Id> set_at(const Sets& sets, std::size_t query) {
    const Sets one = test::set_of(sets, query);
    return {one.ids.begin(), one.ids.end()};
  }
};

// What every plan promises: as many as there are, none that is left out, each once, at its distance, in order. `exact`:
// the nearest of all that pass, as well. Gives how many of the nearest were found.
inline std::size_t check_promises(const Truth& truth, const Filtered& found, std::size_t asked_k, const Under& under,
                                  bool exact, const std::string& what, const Where& where = Where::current()) {
  std::size_t hits = 0;
  for (std::size_t q = 0; q < truth.num; ++q) {
    const std::string which = what + ", query " + std::to_string(q);
    const std::vector<std::size_t> passing = truth.passing(q, under);
    const std::size_t expected = std::min(asked_k, passing.size());
    if (!check_equal(std::size_t{found.counts[q]}, expected, which + ": results", where)) continue;
    const QueryReport& report = found.reports[q];
    if (report.counted) check_equal(report.allowed, passing.size(), which + ": allowed, as reported", where);
    std::set<Id> distinct;
    std::size_t last = 0;
    for (std::size_t i = 0; i < asked_k; ++i) {
      const Id id = found.ids[q * asked_k + i];
      const float distance = found.distances[q * asked_k + i];
      if (i >= expected) {
        check(id == kNoId && distance == __builtin_inff(), which + ": padding", where);
        continue;
      }
      const auto place = truth.place.find({q, id});
      const bool is_one =
          place != truth.place.end() && std::binary_search(passing.begin(), passing.end(), place->second);
      if (!check(is_one, which + ": id " + std::to_string(id) + " may not be returned", where)) break;
      check(distinct.insert(id).second, which + ": id " + std::to_string(id) + " comes twice", where);
      check_equal(distance, truth.all.distances[place->second], which + ": distance", where);
      check(i == 0 || last < place->second, which + ": nearest first, ties in order of insertion", where);
      last = place->second;
      const float nearest = truth.all.distances[passing[i]];
      hits += distance == nearest;
      if (exact) check_equal(distance, nearest, which + ": the nearest, place " + std::to_string(i), where);
    }
  }
  return hits;
}

}  // namespace nearfield::test
