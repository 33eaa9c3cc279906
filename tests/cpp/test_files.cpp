// The parts of which files are made: hashes, sums of blocks, sources, sinks, places, atomic replacement.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>

#include "check.h"
#include "files/block_guard.h"
#include "files/block_sums.h"
#include "files/files.h"
#include "files/format.h"
#include "files/output.h"
#include "files/source.h"
#include "fixtures.h"
#include "hash.h"
#include "nearfield/error.h"

namespace nearfield::test {
namespace {

using Bytes = std::vector<std::byte>;

Bytes pattern(std::size_t bytes) {
  Bytes data(bytes);
  for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<std::byte>(i * i * 31 + i * 7 + 3);
  return data;
}

// Values from the xxhash package 4.1.0 (PyPI), which wraps the reference implementation.
void xxh64_is_that_of_its_specification() {
  struct Vector {
    std::size_t bytes;
    std::uint64_t seed, hash;
  };
  constexpr Vector kVectors[] = {
      {0, 0u, 0xEF46DB3751D8E999u},    {0, 2654435761u, 0xAC75FDA2929B17EFu},
      {1, 0u, 0x1F25C8D0BC1F4BB6u},    {3, 0u, 0xA020F3294A68C3B2u},
      {4, 1u, 0xAD1EA1B1FD40F09Eu},    {7, 0u, 0x85B3BE277ADA6206u},
      {8, 0u, 0xE400A21C7735E336u},    {12, 2654435761u, 0x626F1399D2F426ECu},
      {31, 0u, 0x799631C30D7E3922u},   {32, 0u, 0x6B7EAD39B05FCC7Cu},
      {33, 7u, 0xFFF701821DEA7480u},   {63, 0u, 0x765796FDB42CAB38u},
      {64, 0u, 0x7A9871C22557878Cu},   {96, 1u, 0x81A485864773EDE4u},
      {100, 0u, 0xB261BDBAD1498F82u},  {255, 18446744073709551615u, 0xA07C3D12359FABA0u},
      {1024, 0u, 0x9E24528BBE3389B1u}, {2999, 2654435761u, 0x647D2F8F7C82032Fu},
  };
  const Bytes data = pattern(3000);
  for (const Vector& v : kVectors) {
    check_equal(xxh64(data.data(), v.bytes, v.seed), v.hash, "xxh64 of " + std::to_string(v.bytes) + " bytes");
  }
  check_equal(xxh64("abc", 3), std::uint64_t{0x44bc2cf5ad770999u}, "xxh64 of abc");
}

void xxh64_does_not_depend_on_the_cutting() {
  const Bytes data = pattern(1000);
  for (std::size_t bytes = 0; bytes <= data.size(); bytes += bytes < 140 ? 1 : 97) {
    for (const std::size_t step : {1u, 7u, 31u, 32u, 33u, 100u}) {
      Xxh64 hash(5);
      for (std::size_t i = 0; i < bytes; i += step) hash.update(data.data() + i, std::min(step, bytes - i));
      check_equal(hash.digest(), xxh64(data.data(), bytes, 5), "digest of pieces");
    }
  }
}

void mix64_is_splitmix64() {
  // The first outputs of the generator from state 0, as in its reference code.
  check_equal(mix64(0), std::uint64_t{0xE220A8397B1DCDAFu}, "first");
  check_equal(mix64(0x9E3779B97F4A7C15u), std::uint64_t{0x6E789E6AA1B965F4u}, "second");
}

void sums_are_of_blocks() {
  const Bytes data = pattern(3 * format::kBlockBytes + 17);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, format::kBlockBytes, data.size()}) {
    for (const std::size_t step : {std::size_t{1000}, std::size_t{65536}, std::size_t{200000}}) {
      BlockSums sums;
      for (std::size_t i = 0; i < bytes; i += step) sums.feed(data.data() + i, std::min(step, bytes - i));
      const std::vector<std::uint64_t> found = sums.finish();
      if (!check_equal(found.size(), std::size_t{format::num_blocks(bytes)}, "blocks")) continue;
      for (std::size_t b = 0; b < found.size(); ++b) {
        const std::size_t begin = b * format::kBlockBytes;
        check_equal(found[b], xxh64(data.data() + begin, std::min(format::kBlockBytes, bytes - begin)),
                    "sum of a block");
      }
    }
  }
}

void places_are_aligned() {
  using format::place_after;
  check_equal(place_after(4096, 0, 100), std::uint64_t{4096}, "first small section");
  check_equal(place_after(4097, 1, 100), std::uint64_t{4160}, "small after small");
  check_equal(place_after(4097, 1, 65536), std::uint64_t{65536}, "large after small");
  check_equal(place_after(131073, 65537, 1), std::uint64_t{196608}, "small after large");
  check_equal(place_after(131072, 65536, 0), std::uint64_t{131072}, "after a large one that ends there");
}

void output_passes_on_every_byte() {
  const Bytes data = pattern(900000);
  Bytes received;
  const ByteSink sink = [&received](const std::byte* piece, std::size_t bytes) {
    received.insert(received.end(), piece, piece + bytes);
  };
  Output out(sink);
  std::size_t put = 0;
  for (std::size_t step = 1; put < data.size(); step = step * 3 % 300007) {
    const std::size_t piece = std::min(step, data.size() - put);
    out.put(data.data() + put, piece);
    put += piece;
  }
  check_equal(out.position(), std::uint64_t{data.size()}, "position");
  out.pad_to(data.size() + 10000);
  out.flush();
  check_equal(received.size(), data.size() + 10000, "bytes received");
  check(std::equal(data.begin(), data.end(), received.begin()), "other bytes received");
  const auto is_zero = [](std::byte b) { return b == std::byte{0}; };
  check(std::all_of(received.begin() + static_cast<long>(data.size()), received.end(), is_zero), "padding is not 0");
}

std::string temporary(const char* name) { return "/tmp/nearfield-" + std::to_string(getpid()) + "-" + name; }

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<long>(bytes.size()));
}

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  Bytes bytes(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<long>(bytes.size()));
  return bytes;
}

void check_source(const ByteSource& source, const Bytes& data) {
  Bytes copy(data.size());
  source.read(0, copy.data(), copy.size(), "all");
  check(copy == data, "other bytes from a source");
  SequentialReader reader(source, 5);
  std::size_t at = 5;
  for (std::size_t step = 1; at + step < data.size(); step = step * 5 % 700001) {
    check(std::memcmp(reader.take(step, "piece"), data.data() + at, step) == 0, "other bytes in sequence");
    at += step;
  }
  for (const std::uint64_t offset : {std::uint64_t{data.size()}, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    try {
      source.read(offset, copy.data(), 8, "beyond");
      check(false, "a read beyond the end");
    } catch (const CorruptIndexFile& error) {
      check_equal(error.offset, offset, "offset of the error");
      check(error.field == "beyond", "field of the error");
    }
  }
  try {
    SequentialReader(source, data.size() - 4).take(5, "rest");
    check(false, "a sequential read beyond the end");
  } catch (const CorruptIndexFile& error) {
    check_equal(error.offset, std::uint64_t{data.size() - 4}, "offset of the error");
  }
}

void sources_do_not_read_beyond() {
  const Bytes data = pattern(3000000);
  const std::string path = temporary("source");
  write_file(path, data);
  check_source(ByteSource::memory(data), data);
  check_source(ByteSource::file(path), data);
  std::remove(path.c_str());
  try {
    ByteSource::file(path);
    check(false, "a file that is not there");
  } catch (const FileNotAccessible& error) {
    check_equal(error.error_code, ENOENT, "errno");
  }
}

void a_failed_save_changes_nothing() {
  const std::string path = temporary("atomic");
  const Bytes old = pattern(100), next = pattern(5000);
  save_atomically(path, [&](const ByteSink& sink) { sink(old.data(), old.size()); });
  check(read_file(path) == old, "the file as first written");
  try {
    save_atomically(path, [&](const ByteSink& sink) {
      sink(next.data(), next.size());
      throw std::runtime_error("stop");
    });
    check(false, "what write throws does not come through");
  } catch (const std::runtime_error&) {
  }
  check(read_file(path) == old, "the file after a failure");
  struct stat info {};
  check(::stat((path + ".tmp-" + std::to_string(getpid()) + "-0").c_str(), &info) != 0, "the temporary is left");
  save_atomically(path, [&](const ByteSink& sink) { sink(next.data(), next.size()); });
  check(read_file(path) == next, "the file replaced");
  std::remove(path.c_str());
}

// Not even while it is written.
void a_file_that_others_may_not_read_stays_so() {
  const std::string path = temporary("private");
  const Bytes data = pattern(100);
  const auto mode_of = [](const std::string& file) {
    struct stat info {};
    check(::stat(file.c_str(), &info) == 0, file + " is there");
    return static_cast<unsigned>(info.st_mode & 07777);
  };
  save_atomically(path, [&](const ByteSink& sink) { sink(data.data(), data.size()); });
  for (const unsigned mode : {0600u, 0640u, 0664u}) {
    check(::chmod(path.c_str(), mode) == 0, "chmod");
    save_atomically(path, [&](const ByteSink& sink) {
      sink(data.data(), data.size());
      const std::string temporary = path + ".tmp-" + std::to_string(getpid()) + "-0";
      check_equal(mode_of(temporary), 0600u, "mode of the temporary file");
    });
    check_equal(mode_of(path), mode, "mode of the file in the end");
  }
  std::remove(path.c_str());
}

Index make_index(std::size_t rows, Space space, Storage storage) {
  IndexConfig config;
  config.space = space;
  config.storage = storage;
  config.dimensions = 19;
  config.M = 5;
  config.ef_construction = 30;
  Index index(config);
  const std::vector<float> vectors = scattered(rows, 19, 8);
  std::vector<Id> ids(rows);
  std::iota(ids.begin(), ids.end(), Id{1} << 40);
  if (rows > 0) index.add(vectors.data(), rows, ids.data(), nullptr, {});
  if (rows > 20) {
    index.add(vectors.data(), 3, ids.data() + 7, nullptr, {});
    index.mark_deleted(ids[11]);
    const Bytes note = pattern(70000);
    index.attach("note", note);
    index.attach("another", std::span(note).first(3));
  }
  return index;
}

void what_is_written_is_read() {
  for (const Space space : {Space::Euclidean, Space::InnerProduct, Space::Cosine}) {
    for (const Storage storage : {Storage::Float32, Storage::Float8, Storage::E4M3, Storage::Float16}) {
      for (const std::size_t rows : {0u, 1u, 100u, 2500u}) {
        const Index index = make_index(rows, space, storage);
        const Bytes bytes = bytes_of(index);
        const Index again = Index::load(bytes, {});
        check(bytes_of(again) == bytes, "a second writing gives other bytes");
        check_equal(again.counts().live, index.counts().live, "live rows");
        check(again.attachment("note") == index.attachment("note"), "attachment");
      }
    }
  }
}

// An exception costs 20 ms under the address sanitizer, so it looks at some of the bytes.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStep = 17;
#else
constexpr std::size_t kStep = 1;
#endif

void every_byte_matters() {
  const Bytes good = bytes_of(make_index(60, Space::Cosine, Storage::Float8));
  std::size_t unnoticed = 0;
  for (std::size_t i = 0; i < good.size(); i += kStep) {
    Bytes bad = good;
    bad[i] ^= std::byte{1};
    try {
      load_state(bad, {});
      ++unnoticed;
    } catch (const IndexFileError&) {
    }
  }
  check_equal(unnoticed, std::size_t{0}, "flipped bytes that nobody noticed");
}

void a_guard_finds_damage_once_touched() {
  const Bytes data = pattern(3 * format::kBlockBytes);
  BlockSums sums;
  sums.feed(data.data(), data.size());
  Bytes damaged = data;
  damaged[format::kBlockBytes + 9] ^= std::byte{4};
  BlockGuard guard("'a file'");
  guard.add_section(damaged.data(), damaged.size(), 4096, "links", sums.finish());
  const std::byte* begin = damaged.data();
  check(BlockGuard::touch(&guard, begin, 100), "a good block");
  check(BlockGuard::touch(&guard, begin + 2 * format::kBlockBytes, format::kBlockBytes), "a good block whole");
  check(BlockGuard::touch(&guard, begin + data.size(), 8), "bytes behind the section");
  check(BlockGuard::touch(&guard, &guard, 8), "bytes elsewhere");
  check(!BlockGuard::touch(&guard, begin + format::kBlockBytes - 1, 2), "bytes across into a damaged block");
  check(!guard.all_checked(), "checked too soon");
  for (const bool all : {false, true}) {
    try {
      all ? guard.verify_all() : guard.throw_corrupt();
      check(false, "damage is not reported");
    } catch (const CorruptIndexFile& error) {
      check_equal(error.offset, std::uint64_t{4096 + format::kBlockBytes}, "offset of the block");
      check(error.field == "links", "name of the section");
    }
  }
  check(!guard.all_checked(), "a damaged file passes as checked");
}

const Group group{"files",
                  {{"xxh64 is that of its specification", xxh64_is_that_of_its_specification},
                   {"xxh64 does not depend on the cutting", xxh64_does_not_depend_on_the_cutting},
                   {"mix64 is splitmix64", mix64_is_splitmix64},
                   {"sums are of blocks", sums_are_of_blocks},
                   {"places are aligned", places_are_aligned},
                   {"output passes on every byte", output_passes_on_every_byte},
                   {"sources do not read beyond", sources_do_not_read_beyond},
                   {"a failed save changes nothing", a_failed_save_changes_nothing},
                   {"a file that others may not read stays so", a_file_that_others_may_not_read_stays_so},
                   {"what is written is read", what_is_written_is_read},
                   {"every byte matters", every_byte_matters},
                   {"a guard finds damage once touched", a_guard_finds_damage_once_touched}}};

}  // namespace
}  // namespace nearfield::test
