// _core.Index: arrays in, arrays out, the GIL released. No logic, no prose: python/nearfield/index.py has both.
#include "nearfield/index.h"

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "arrays.h"
#include "bindings.h"
#include "columns.h"
#include "interrupt.h"
#include "nearfield/filter.h"
#include "streams.h"

namespace nearfield::bindings {
namespace {

std::size_t threads_of(std::int64_t num_threads) {
  return num_threads <= 0 ? 0 : static_cast<std::size_t>(num_threads);
}

Index make(int space, std::uint32_t dimensions, std::uint32_t M, std::uint32_t ef_construction, std::uint64_t seed,
           int storage, int codes) {
  return Index({static_cast<Space>(space), static_cast<Storage>(storage), dimensions, M, ef_construction, seed,
                static_cast<Codes>(codes)});
}

Index load(const py::object& source, bool mmap, bool verify, std::optional<int> space,
           std::optional<std::uint32_t> dimensions, std::optional<int> storage) {
  LoadOptions options{mmap, verify, nullptr, nullptr, nullptr};
  const Space asked_space = static_cast<Space>(space.value_or(0));
  const Storage asked_storage = static_cast<Storage>(storage.value_or(0));
  if (space) options.space = &asked_space;
  if (dimensions) options.dimensions = &*dimensions;
  if (storage) options.storage = &asked_storage;
  if (py::isinstance<py::str>(source)) {
    const auto path = source.cast<std::string>();
    const py::gil_scoped_release release;
    return Index::load(path, options);
  }
  const py::buffer_info info = py::cast<py::buffer>(source).request();
  if (PyBuffer_IsContiguous(info.view(), 'C') == 0) throw InvalidInput("the buffer does not lie in one piece");
  const py::gil_scoped_release release;
  return Index::load(bytes_of(info), options);
}

py::array_t<Id> add(Index& index, const Array<float>& vectors, const std::optional<Array<Id>>& ids,
                    std::int64_t num_threads, py::object progress, int on_conflict, const py::object& columns) {
  const Vectors in = vectors_of(vectors, index.config().dimensions, "vectors");
  if (ids && static_cast<std::size_t>(ids->size()) != in.rows) {
    throw InvalidInput("ids has " + std::to_string(ids->size()) + " entries for " + std::to_string(in.rows) +
                       " rows of vectors; expected one id per row (argument `ids`)");
  }
  py::array_t<Id> out(static_cast<py::ssize_t>(in.rows));
  Id* ids_out = out.mutable_data();
  const GivenColumns given(columns);
  AddOptions options{threads_of(num_threads), {}, static_cast<OnConflict>(on_conflict), &given.columns};
  if (in.rows > 1) options.poll = interruptible(std::move(progress));
  {
    const py::gil_scoped_release release;
    index.add(in.data, in.rows, ids ? ids->data() : nullptr, ids_out, options);
  }
  return out;
}

std::size_t remove(Index& index, const Array<Id>& ids, bool all) {
  const py::gil_scoped_release release;
  return index.remove(ids.data(), static_cast<std::size_t>(ids.size()), all);
}

void repair(Index& index, std::int64_t num_threads, py::object progress) {
  const Poll poll = interruptible(std::move(progress));
  const py::gil_scoped_release release;
  index.repair(threads_of(num_threads), poll);
}

void compact(Index& index, std::int64_t num_threads, py::object progress) {
  const Poll poll = interruptible(std::move(progress));
  const py::gil_scoped_release release;
  index.compact(threads_of(num_threads), poll);
}

// The caller's array for results, or a new one.
template <class T>
py::array_t<T> output(const py::object& given, const Vectors& in, std::size_t k) {
  if (given.is_none()) return new_array<T>(in.single, in.rows, k);
  return py::reinterpret_borrow<py::array_t<T>>(given);  // as nearfield._arrays has checked it
}

py::tuple query_with(const Index& index, const py::object& vectors, std::size_t k, std::size_t ef,
                     std::int64_t num_threads, const py::object& ids_to, const py::object& distances_to,
                     const QueryFilter* filter) {
  const Array<float> floats = plain_floats(vectors);
  const Vectors in = vectors_of(floats, index.config().dimensions, "vectors");
  py::array_t<Id> ids = output<Id>(ids_to, in, k);
  py::array_t<float> distances = output<float>(distances_to, in, k);
  const auto full = static_cast<std::uint32_t>(k);
  std::uint32_t count_of_one = full;
  std::vector<std::uint32_t> counts_of_many(in.rows > 1 ? in.rows : 0, full);
  const std::span<std::uint32_t> counts = in.rows == 1 ? std::span(&count_of_one, 1) : std::span(counts_of_many);
  QueryCounters counters;
  if (k > 0 && in.rows > 0) {
    Id* ids_out = ids.mutable_data();
    float* distances_out = distances.mutable_data();
    QueryOptions options{k, ef, threads_of(num_threads), {}, filter};
    if (in.rows > 1) options.poll = interruptible(py::none());
    const py::gil_scoped_release release;
    counters = index.query(in.data, in.rows, options, ids_out, distances_out, counts.data());
  }
  const bool all = std::all_of(counts.begin(), counts.end(), [full](std::uint32_t count) { return count == full; });
  // In two, as they are kept: taking a tuple apart would be noticed beside a single query.
  return py::make_tuple(py::make_tuple(std::move(ids), std::move(distances)),
                        py::make_tuple(all ? py::object(py::none()) : array_of<std::uint32_t>(counts),
                                       counters.distances, counters.hops));
}

py::tuple query(const Index& index, const py::object& vectors, std::size_t k, std::size_t ef, std::int64_t num_threads,
                const py::object& ids_to, const py::object& distances_to) {
  return query_with(index, vectors, k, ef, num_threads, ids_to, distances_to, nullptr);
}

// (ids, offsets or None, absent or None), as nearfield._filtering has checked them; None where there is no filter.
struct GivenSets {
  explicit GivenSets(const py::object& given) {
    if (given.is_none()) return;
    const auto parts = given.cast<py::tuple>();
    ids = parts[0].cast<Array<Id>>();
    sets = {ids.data(), static_cast<std::size_t>(ids.size()), nullptr, nullptr, true};
    if (parts[1].is_none()) return;
    offsets = parts[1].cast<Array<std::uint64_t>>();
    sets.offsets = offsets.data();
    if (parts[2].is_none()) return;
    absent = parts[2].cast<Array<std::uint8_t>>();
    sets.absent = absent.data();
  }
  Array<Id> ids;
  Array<std::uint64_t> offsets;
  Array<std::uint8_t> absent;
  IdSets sets;
};

// One row of numbers per query, in the order of nearfield._filtering.REPORT.
py::array_t<std::uint64_t> table_of(const std::vector<QueryReport>& reports) {
  constexpr std::size_t kColumns = 10;
  py::array_t<std::uint64_t> out({reports.size(), kColumns});
  std::uint64_t* to = out.mutable_data();
  for (const QueryReport& r : reports) {
    for (const std::uint64_t number :
         {static_cast<std::uint64_t>(r.plan), r.allowed, std::uint64_t{r.counted}, std::uint64_t{r.fell_back}, r.ef,
          r.distances, r.again, r.hops, r.tested, r.passed}) {
      *to++ = number;
    }
  }
  return out;
}

py::tuple query_filtered(const Index& index, const py::object& vectors, std::size_t k, std::size_t ef,
                         std::int64_t num_threads, const py::object& ids_to, const py::object& distances_to,
                         const py::object& exclude, const py::object& allow, const FilterProgram* where, int plan,
                         bool counts) {
  const Array<float> floats = plain_floats(vectors);
  const GivenSets excluded(exclude), allowed(allow);
  std::vector<QueryReport> reports(k > 0 ? vectors_of(floats, index.config().dimensions, "vectors").rows : 0);
  const QueryFilter filter{excluded.sets, allowed.sets, where, static_cast<Plan>(plan), counts, reports.data()};
  const py::tuple found = query_with(index, floats, k, ef, num_threads, ids_to, distances_to, &filter);
  return py::make_tuple(found[0], found[1], table_of(reports));
}

py::array_t<Id> ids(const Index& index, bool with_marked) {
  std::vector<Id> ids;
  {
    const py::gil_scoped_release release;
    ids = index.ids(with_marked);
  }
  return array_of<Id>(ids);
}

std::size_t set_columns(Index& index, const Array<Id>& ids, const py::object& columns, bool all) {
  const GivenColumns given(columns);
  const py::gil_scoped_release release;
  return index.set_columns(ids.data(), static_cast<std::size_t>(ids.size()), given.columns, all);
}

py::list get_columns(const Index& index, const std::vector<std::string>& names, const Array<Id>& ids, bool all) {
  std::vector<ColumnRead> read;
  {
    const py::gil_scoped_release release;
    read = index.get_columns(names, ids.data(), static_cast<std::size_t>(ids.size()), all);
  }
  py::list out;
  for (const ColumnRead& column : read) out.append(tuple_of(column));
  return out;
}

py::list columns(const Index& index) {
  std::vector<ColumnInfo> infos;
  {
    const py::gil_scoped_release release;
    infos = index.columns();
  }
  py::list out;
  for (const ColumnInfo& info : infos) {
    out.append(py::make_tuple(info.name, static_cast<int>(info.type), info.num_words, info.bytes));
  }
  return out;
}

py::array_t<float> get_vectors(const Index& index, const Array<Id>& ids) {
  py::array_t<float> out({ids.size(), static_cast<py::ssize_t>(index.config().dimensions)});
  float* data = out.mutable_data();
  const py::gil_scoped_release release;
  index.get_vectors(ids.data(), static_cast<std::size_t>(ids.size()), data);
  return out;
}

float distance(const Index& index, const Array<float>& a, const Array<float>& b) {
  const Vectors left = vectors_of(a, index.config().dimensions, "a");
  const Vectors right = vectors_of(b, index.config().dimensions, "b");
  return index.distance(left.data, right.data);
}

py::dict stats(const Index& index) {
  using namespace py::literals;
  IndexStats s;
  {
    const py::gil_scoped_release release;
    s = index.stats();
  }
  py::list levels;
  for (const LevelCount& level : s.levels) levels.append(py::make_tuple(level.rows, level.mean_degree));
  return py::dict("slots"_a = s.rows.slots, "live"_a = s.rows.live, "marked"_a = s.rows.marked,
                  "removed"_a = s.rows.removed, "free"_a = s.rows.free, "bytes_given_back"_a = s.bytes_given_back,
                  "unrepaired"_a = s.unrepaired, "slots_to_repair"_a = s.slots_to_repair, "levels"_a = levels,
                  "unreachable"_a = s.unreachable, "norm_min"_a = s.norm_min, "norm_max"_a = s.norm_max,
                  "duplicates"_a = s.duplicates, "vector_bytes"_a = s.vector_bytes, "code_bytes"_a = s.code_bytes,
                  "clamped"_a = s.clamped, "link_bytes"_a = s.link_bytes, "other_bytes"_a = s.other_bytes);
}

// Called when the instant that is saved has passed.
std::function<void()> taken_of(py::object taken) {
  if (taken.is_none()) return {};
  return [taken = std::move(taken)] {
    const py::gil_scoped_acquire gil;
    taken();
  };
}

py::bytes to_bytes(const Index& index, bool voyager, py::object taken) {
  const std::function<void()> call = taken_of(std::move(taken));
  std::string bytes;
  {
    const ByteSink sink = [&bytes](const std::byte* data, std::size_t n) {
      bytes.append(reinterpret_cast<const char*>(data), n);
    };
    const py::gil_scoped_release release;
    voyager ? index.write_voyager(sink) : index.write(sink, call);
  }
  return py::bytes(bytes);
}

void write(const Index& index, const py::object& target, bool voyager, py::object taken) {
  const ByteSink sink = sink_of(target);
  const std::function<void()> call = taken_of(std::move(taken));
  const py::gil_scoped_release release;
  voyager ? index.write_voyager(sink) : index.write(sink, call);
}

void save(const Index& index, const std::string& path, py::object taken) {
  const std::function<void()> call = taken_of(std::move(taken));
  const py::gil_scoped_release release;
  index.save(path, call);
}

void attach(Index& index, const std::string& name, const py::bytes& data) {
  const std::string_view view(data);
  const py::gil_scoped_release release;  // it waits for an add, which may wait for the GIL to report progress
  index.attach(name, {reinterpret_cast<const std::byte*>(view.data()), view.size()});
}

py::bytes attachment(const Index& index, const std::string& name) {
  std::vector<std::byte> bytes;
  {
    const py::gil_scoped_release release;
    bytes = index.attachment(name);
  }
  return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

void bind_index(py::module_& module) {
  py::class_<FilterProgram>(module, "FilterProgram")
      .def(py::init([](const py::object& steps) { return std::make_unique<FilterProgram>(steps_of(steps)); }),
           py::arg("steps"));
  const auto released = py::call_guard<py::gil_scoped_release>();
  py::class_<Index>(module, "Index")
      .def(py::init(&make), py::arg("space"), py::arg("dimensions"), py::arg("M"), py::arg("ef_construction"),
           py::arg("seed"), py::arg("storage"), py::arg("codes"))
      .def_static("load", &load, py::arg("source"), py::arg("mmap"), py::arg("verify"), py::arg("space"),
                  py::arg("dimensions"), py::arg("storage"))
      .def_property_readonly("space", [](const Index& i) { return static_cast<int>(i.config().space); })
      .def_property_readonly("dimensions", [](const Index& i) { return i.config().dimensions; })
      .def_property_readonly("M", [](const Index& i) { return i.config().M; })
      .def_property_readonly("ef_construction", [](const Index& i) { return i.config().ef_construction; })
      .def_property_readonly("seed", [](const Index& i) { return i.config().seed; })
      .def_property_readonly("storage", [](const Index& i) { return static_cast<int>(i.config().storage); })
      .def_property_readonly("codes", [](const Index& i) { return static_cast<int>(i.config().codes); })
      .def_property_readonly("simd_level", &Index::simd_level)
      .def_property_readonly("counts",
                             [](const Index& i) {
                               RowCounts c;
                               {
                                 const py::gil_scoped_release released;  // many new ids hold their lock for seconds
                                 c = i.counts();
                               }
                               return py::make_tuple(c.slots, c.live, c.marked, c.removed, c.free, c.added);
                             })
      .def("add", &add, py::arg("vectors"), py::arg("ids"), py::arg("num_threads"), py::arg("progress"),
           py::arg("on_conflict"), py::arg("columns"))
      .def("remove", &remove, py::arg("ids"), py::arg("all"))
      .def("compact", &compact, py::arg("num_threads"), py::arg("progress"))
      .def("repair", &repair, py::arg("num_threads"), py::arg("progress"))
      .def("query", &query, py::arg("vectors"), py::arg("k"), py::arg("ef"), py::arg("num_threads"), py::arg("ids"),
           py::arg("distances"))
      .def("query_filtered", &query_filtered, py::arg("vectors"), py::arg("k"), py::arg("ef"), py::arg("num_threads"),
           py::arg("ids"), py::arg("distances"), py::arg("exclude"), py::arg("allow"), py::arg("where"),
           py::arg("plan"), py::arg("counts"))
      .def("set_columns", &set_columns, py::arg("ids"), py::arg("columns"), py::arg("all"))
      .def("get_columns", &get_columns, py::arg("names"), py::arg("ids"), py::arg("all"))
      .def("columns", &columns)
      .def("drop_column", &Index::drop_column, py::arg("name"), released)
      .def("count_passing", &Index::count_passing, py::arg("where"), released)
      .def("contains", &Index::contains, py::arg("id"), released)
      .def("holds", &Index::holds, py::arg("id"), released)
      .def("get_vectors", &get_vectors, py::arg("ids"))
      .def("distance", &distance, py::arg("a"), py::arg("b"))
      .def("mark_deleted", &Index::mark_deleted, py::arg("id"), released)
      .def("unmark_deleted", &Index::unmark_deleted, py::arg("id"), released)
      .def("ids", &ids, py::arg("with_marked"))
      .def("stats", &stats)
      .def("validate", &Index::validate, released)
      .def("attach", &attach, py::arg("name"), py::arg("data"))
      .def("attachment", &attachment, py::arg("name"))
      .def("save", &save, py::arg("path"), py::arg("taken"))
      .def("save_voyager", &Index::save_voyager, py::arg("path"), released)
      .def(
          "to_bytes", [](const Index& i, py::object taken) { return to_bytes(i, false, std::move(taken)); },
          py::arg("taken"))
      .def("to_voyager_bytes", [](const Index& i) { return to_bytes(i, true, py::none()); })
      .def("write", &write, py::arg("write"), py::arg("voyager"), py::arg("taken"));
}

}  // namespace nearfield::bindings
