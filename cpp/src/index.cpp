// The facade: composes the rooms, holds the locks, loops over nothing.
//
// Locks, always taken in this order:
//   save_mutex   one save at a time
//   write_mutex  one writer of rows and links at a time; a save holds it while the snapshot is taken, one in Voyager's
//                format until the file is written
//   id_mutex     the id table and the flags; shared to look up, exclusive to change. Held for moments, but where
//                an add makes room for its ids or the table of a mapped file is built
// Queries take none (ARCHITECTURE.md, "Publication").
#include "nearfield/index.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <numeric>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "build/add.h"
#include "build/adopt.h"
#include "build/recode.h"
#include "codes/pairs.h"
#include "columns/carry.h"
#include "columns/filtered.h"
#include "columns/write.h"
#include "files/block_guard.h"
#include "files/column_sections.h"
#include "files/files.h"
#include "ids.h"
#include "maintain/compact.h"
#include "maintain/repair.h"
#include "maintain/slots.h"
#include "nearfield/error.h"
#include "owned_mutex.h"
#include "rows.h"
#include "state.h"
#include "stats.h"
#include "walk/metric.h"
#include "walk/query.h"
#include "walk/scratch.h"

namespace nearfield {
namespace {

void require(bool good, const char* name, std::uint64_t value, const std::string& expected) {
  if (!good) throw InvalidInput(std::string(name) + " is " + std::to_string(value) + "; expected " + expected);
}

IndexConfig checked(IndexConfig config) {
  require(config.dimensions >= 1 && config.dimensions <= kMaxDimensions, "num_dimensions", config.dimensions,
          "1 to " + std::to_string(kMaxDimensions));
  require(config.M >= 2 && config.M <= kMaxM, "M", config.M, "2 to " + std::to_string(kMaxM));
  if (config.ef_construction < config.M) config.ef_construction = config.M;  // as in Voyager
  config.codes = resolve_codes(config);
  return config;
}

}  // namespace

struct Index::Impl {
  explicit Impl(std::unique_ptr<State> read)
      : config(read->config),
        state(std::move(read)),
        current(state.get()),
        metric(config, active_level()),
        table(state->ids) {}

  const IndexConfig config;
  std::unique_ptr<State> state;      // replaced under both locks
  CurrentState current;              // the same, for those who hold neither: after they have borrowed scratch memory
  std::size_t bytes_given_back = 0;  // by compaction
  Metric metric;
  IdTable table;
  bool table_is_built = true;   // false after a file was mapped, until an id is first looked up
  bool slots_are_found = true;  // false after a file was read, until it is first written to
  mutable ScratchPool pool;
  ThreadId saver{};
  OwnedMutex save_mutex{saver};
  OwnedMutex write_mutex{saver};
  mutable std::shared_mutex id_mutex;

  void build_table() {
    read_unread_columns(*state);
    build_id_table(*state, table);
    table_is_built = true;
  }

  // The id table for reading. After mapping a file the first look-up builds it, under the exclusive lock.
  std::shared_lock<std::shared_mutex> look_up() {
    std::shared_lock lock(id_mutex);
    if (table_is_built) return lock;
    lock.unlock();
    {
      const std::unique_lock exclusive(id_mutex);
      if (!table_is_built) build_table();
    }
    lock.lock();
    return lock;
  }

  // Where a file of another library was read: codes of its vectors.
  void make_codes() {
    const std::size_t count = state->count.load();
    if (state->config.codes == Codes::None || state->code_plane || count == 0) return;
    std::vector<Slot> slots(count);
    std::iota(slots.begin(), slots.end(), Slot{0});
    state->count = 0;  // as of a round that begins an index
    state->published = 0;
    RoundCodes codes(*state, pool);
    codes.write(metric, slots, 0);
    codes.keep();
    state->count = count;
    state->published = count;
  }

  WithIds with_ids() {
    return [this](const auto& body) {
      const auto lock = look_up();
      body(*state, table);
    };
  }

  UnderIdLock under_id_lock() {
    return [this](const std::function<void()>& body) {
      const std::unique_lock lock(id_mutex);
      body();
    };
  }

  AddSteps add_steps(std::size_t num_threads, GivenValues& given) {
    return {
        .doom =
            [this](std::span<const Id> ids) {
              const std::unique_lock lock(id_mutex);
              return doom(*state, table, ids);
            },
        .describe =
            [this, &given](std::span<const Slot> slots, std::span<const std::size_t> rows, std::span<const Id> ids) {
              const std::unique_lock lock(id_mutex);
              write_round(state->columns, given, slots, rows, find_all(table, ids));
            },
        .spare =
            [this](std::span<const Id> ids) {
              const std::unique_lock lock(id_mutex);
              spare(*state, table, ids);
              end_round(state->columns);
            },
        .publish =
            [this](std::span<const Slot> slots, Entry entry) {
              const std::unique_lock lock(id_mutex);
              publish_rows(*state, table, slots, entry);
              end_round(state->columns);
            },
        .after =
            [this, num_threads](std::size_t rows) {
              bound_growth(*state, pool);
              maintain(rows * kSlotsPerRow, num_threads, true);
            }};
  }

  // The slice that rows pay for which were added or removed. Under the write lock.
  void maintain(std::size_t slots, std::size_t num_threads, bool may_sweep) {
    settle_slots(*state, pool, under_id_lock());
    repair_some(*state, metric, pool, {slots, num_threads, may_sweep}, under_id_lock());
  }

  // One save at a time; writers go on but for the moment in which the snapshot is taken.
  void with_snapshot(const std::function<void()>& taken, const std::function<void(const Snapshot&)>& write) {
    const std::scoped_lock saving(save_mutex);
    check_before_writing();
    look_up();  // with it, columns are read
    ScratchPool::Lease lease;
    std::optional<Snapshot> snapshot;
    {
      const std::scoped_lock writing(write_mutex);
      lease = pool.lend();  // rows and codes stay
      const std::shared_lock lock(id_mutex);
      snapshot.emplace(*state);
    }
    const Saving now(saver);
    if (taken) taken();
    write(*snapshot);
  }

  // Before the first change of a mapped file: all of it is checked, and its pages become ours as written.
  void check_before_writing() {
    const ScratchPool::Lease lease = pool.lend();
    const State* now = current.load();
    if (now->guard) now->guard->verify_all();
  }

  // The same for a writer, who goes on where the file's writer has stopped. Under the write lock.
  void begin_writing() {
    check_before_writing();
    look_up();  // with it, columns are read
    if (!slots_are_found) {
      find_slots(*state);
      count_links(*state);
    }
    slots_are_found = true;
  }

  CarriedColumns view_columns_now() {
    const std::shared_lock lock(id_mutex);
    return view_columns(state->columns);
  }

  // Returns the state that was replaced: queries may still read it.
  std::unique_ptr<State> replace(Compacted compacted, CarriedColumns& columns) {
    IdTable fresh(compacted.state->ids);
    build_id_table(*compacted.state, fresh);
    const std::unique_lock lock(id_mutex);
    finish_columns(columns, compacted.slot_of, compacted.state->count.load(), state->columns, compacted.state->columns);
    carry_flags(*state, compacted.slot_of, *compacted.state, fresh);
    table = std::move(fresh);
    table_is_built = true;
    current.store(compacted.state.get());
    return std::exchange(state, std::move(compacted.state));
  }
};

Index::Index(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Index::Index(const IndexConfig& config) : impl_(std::make_unique<Impl>(std::make_unique<State>(checked(config)))) {}
Index::Index(Index&&) noexcept = default;
Index& Index::operator=(Index&&) noexcept = default;
Index::~Index() = default;

Index Index::load(const std::string& path, const LoadOptions& options) {
  auto impl = std::make_unique<Impl>(load_state(path, options));
  impl->table_is_built = false;
  impl->slots_are_found = false;
  if (!options.map) impl->build_table();
  impl->make_codes();
  return Index(std::move(impl));
}

Index Index::load(std::span<const std::byte> bytes, const LoadOptions& options) {
  auto impl = std::make_unique<Impl>(load_state(bytes, options));
  impl->slots_are_found = false;
  impl->build_table();
  impl->make_codes();
  return Index(std::move(impl));
}

const IndexConfig& Index::config() const { return impl_->config; }
const char* Index::simd_level() const { return impl_->metric.level->name; }

RowCounts Index::counts() const {
  const std::shared_lock lock(impl_->id_mutex);
  return count_rows(*impl_->state);
}

void Index::add(const float* vectors, std::size_t rows, const Id* ids, Id* ids_out, const AddOptions& options) {
  Impl& impl = *impl_;
  const std::scoped_lock writing(impl.write_mutex);
  impl.metric.check_storable(vectors, rows, "vectors", options.num_threads);
  impl.begin_writing();
  GivenValues given(options.columns);
  Batch batch;
  {
    const auto lock = impl.look_up();
    batch = resolve_batch(impl.table, ids, rows, impl.state->next_id, options.on_conflict);
  }
  settle_slots(*impl.state, impl.pool, impl.under_id_lock());
  {
    const std::unique_lock lock(impl.id_mutex);
    check_columns(impl.state->columns, given.columns);  // and made before anybody else can give one another type
    impl.table.reserve(batch.ids.data(), batch.ids.size(), impl.state->count.load());
    make_columns(impl.state->columns, given.columns);
  }
  add_rows(*impl.state, impl.metric, impl.pool, vectors, batch, options, impl.add_steps(options.num_threads, given));
  impl.state->next_id = batch.next_id;
  if (ids_out != nullptr) std::copy(batch.ids.begin(), batch.ids.end(), ids_out);
}

std::size_t Index::remove(const Id* ids, std::size_t rows, bool all) {
  Impl& impl = *impl_;
  impl.check_before_writing();
  impl.look_up();
  std::size_t removed = 0;
  {
    const std::unique_lock lock(impl.id_mutex);
    prepare_to_die(*impl.state);
    impl.table.reserve_to_erase();
    forget_rows(impl.state->columns,
                all ? find_all_or_throw(impl.table, {ids, rows}) : find_all(impl.table, {ids, rows}));
    removed = nearfield::remove(*impl.state, impl.table, {ids, rows}, all);
  }
  const std::unique_lock writing(impl.write_mutex, std::try_to_lock);  // an add that is under way does it, else
  if (!writing.owns_lock()) return removed;
  impl.begin_writing();
  const std::size_t slots = std::min(removed * kSlotsPerRow, kMostSlotsAtOnce);
  impl.maintain(slots, 1, slots >= impl.state->count.load());
  return removed;
}

void Index::repair(std::size_t num_threads, const Poll& poll) {
  const std::scoped_lock writing(impl_->write_mutex);
  impl_->begin_writing();
  settle_slots(*impl_->state, impl_->pool, impl_->under_id_lock());
  repair_all(*impl_->state, impl_->metric, impl_->pool, num_threads, poll, impl_->under_id_lock());
}

void Index::compact(std::size_t num_threads, const Poll& poll) {
  Impl& impl = *impl_;
  const std::scoped_lock saving(impl.save_mutex);  // a save would keep the old state for as long as it lasts
  const std::scoped_lock writing(impl.write_mutex);
  impl.begin_writing();
  settle_slots(*impl.state, impl.pool, impl.under_id_lock());
  repair_all(*impl.state, impl.metric, impl.pool, num_threads, poll, impl.under_id_lock());
  const std::size_t before = bytes_of(*impl.state);
  CarriedColumns columns = impl.view_columns_now();
  Compacted compacted = nearfield::compact(*impl.state, impl.metric, num_threads, poll);
  carry_columns(columns, compacted.slot_of, compacted.state->count.load());
  const std::unique_ptr<State> old = impl.replace(std::move(compacted), columns);
  impl.pool.wait_until_left(impl.pool.advance());  // queries on their way: milliseconds
  impl.bytes_given_back += before - std::min(before, bytes_of(*impl.state));
}

QueryCounters Index::query(const float* queries, std::size_t rows, const QueryOptions& options, Id* ids,
                           float* distances, std::uint32_t* counts) const {
  Impl& impl = *impl_;
  if (options.filter == nullptr) {
    return query_rows(impl.current, impl.metric, impl.pool, queries, rows, options, ids, distances, counts);
  }
  return query_filtered(impl.current, impl.metric, impl.pool, impl.with_ids(), queries, rows, options, ids, distances,
                        counts);
}

std::size_t Index::count_passing(const FilterProgram& where) const {
  return nearfield::count_passing(impl_->metric, impl_->pool, impl_->with_ids(), where);
}

bool Index::contains(Id id) const {
  const auto lock = impl_->look_up();
  return find_live(*impl_->state, impl_->table, id) != kNoSlot;
}

bool Index::holds(Id id) const {
  const auto lock = impl_->look_up();
  return impl_->table.find(id) != kNoSlot;
}

void Index::get_vectors(const Id* ids, std::size_t rows, float* out) const {
  const auto lock = impl_->look_up();
  copy_vectors(*impl_->state, impl_->metric, impl_->pool, impl_->table, ids, rows, out);
}

float Index::distance(const float* a, const float* b) const {
  impl_->metric.check_storable(a, 1, "a", 1);
  impl_->metric.check_storable(b, 1, "b", 1);
  return distance_as_stored(impl_->current, impl_->metric, impl_->pool, a, b);
}

void Index::mark_deleted(Id id) {
  impl_->check_before_writing();
  impl_->look_up();
  const std::unique_lock lock(impl_->id_mutex);
  mark(*impl_->state, impl_->table, id);
}

void Index::unmark_deleted(Id id) {
  impl_->check_before_writing();
  impl_->look_up();
  const std::unique_lock lock(impl_->id_mutex);
  unmark(*impl_->state, impl_->table, id);
}

std::vector<Id> Index::ids(bool with_marked) const {
  const auto lock = impl_->look_up();
  return list_ids(*impl_->state, with_marked);
}

std::size_t Index::set_columns(const Id* ids, std::size_t rows, const std::vector<ColumnValues>& columns, bool all) {
  Impl& impl = *impl_;
  GivenValues given(&columns);
  impl.look_up();
  std::unique_lock lock(impl.id_mutex);
  const std::vector<Slot> slots = all ? find_all_or_throw(impl.table, {ids, rows}) : find_all(impl.table, {ids, rows});
  check_columns(impl.state->columns, columns);
  make_columns(impl.state->columns, columns);
  change_rows(impl.state->columns, given, slots);
  lock.unlock();
  return count_distinct(slots);
}

std::vector<ColumnRead> Index::get_columns(const std::vector<std::string>& names, const Id* ids, std::size_t rows,
                                           bool all) const {
  const auto lock = impl_->look_up();
  const IdTable& table = impl_->table;
  return read_rows(impl_->state->columns, names,
                   all ? find_all_or_throw(table, {ids, rows}) : find_all(table, {ids, rows}));
}

std::vector<ColumnInfo> Index::columns() const {
  const auto lock = impl_->look_up();
  return infos_of(impl_->state->columns);
}

void Index::drop_column(const std::string& name) {
  impl_->look_up();
  const std::scoped_lock writing(impl_->write_mutex);  // no round has counted the columns
  const std::unique_lock lock(impl_->id_mutex);
  nearfield::drop_column(impl_->state->columns, name);
}

IndexStats Index::stats() const {
  const std::scoped_lock writing(impl_->write_mutex);
  impl_->begin_writing();
  IndexStats stats = collect_stats(*impl_->state, impl_->metric);
  const std::shared_lock lock(impl_->id_mutex);
  stats.rows = count_rows(*impl_->state);  // a removal beside this changes several counts
  stats.other_bytes += impl_->table.bytes() + bytes_of(impl_->state->columns);
  stats.bytes_given_back = impl_->bytes_given_back;
  return stats;
}

std::string Index::validate() const {
  const std::scoped_lock writing(impl_->write_mutex);
  impl_->check_before_writing();
  const std::string fault = validate_state(*impl_->state);
  return fault.empty() && impl_->slots_are_found ? check_counted_links(*impl_->state) : fault;
}

void Index::attach(const std::string& name, std::span<const std::byte> bytes) {
  const std::scoped_lock writing(impl_->write_mutex);
  if (bytes.empty()) {
    impl_->state->attachments.erase(name);
  } else {
    impl_->state->attachments[name] = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  }
}

std::vector<std::byte> Index::attachment(const std::string& name) const {
  const std::scoped_lock writing(impl_->write_mutex);
  const auto found = impl_->state->attachments.find(name);
  return found == impl_->state->attachments.end() ? std::vector<std::byte>{} : *found->second;
}

void Index::save(const std::string& path, const std::function<void()>& taken) const {
  impl_->with_snapshot(taken, [&path](const Snapshot& snapshot) {
    save_atomically(path, [&snapshot](const ByteSink& sink) { write_index(snapshot, sink); });
  });
}

void Index::write(const ByteSink& sink, const std::function<void()>& taken) const {
  impl_->with_snapshot(taken, [&sink](const Snapshot& snapshot) { write_index(snapshot, sink); });
}

void Index::save_voyager(const std::string& path) const {
  const std::scoped_lock writing(impl_->write_mutex);
  impl_->check_before_writing();
  save_atomically(path, [this](const ByteSink& sink) { write_voyager_index(*impl_->state, sink); });
}

void Index::write_voyager(const ByteSink& sink) const {
  const std::scoped_lock writing(impl_->write_mutex);
  impl_->check_before_writing();
  write_voyager_index(*impl_->state, sink);
}

}  // namespace nearfield
