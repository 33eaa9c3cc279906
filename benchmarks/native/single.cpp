// The native side of benchmarks/overhead.py: the same file and queries, one by one, without Python.
//
//   single FILE QUERIES K EF      QUERIES holds float32 rows of the index's width and nothing else
//
// For each number on standard input it asks all queries so many times, and answers with the CPU seconds
// of one query and the sum of the ids that one pass found, by which both sides know that they did the same.
#include <cstdint>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "nearfield/index.h"

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::vector<float> read_floats(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error(path + " cannot be read (argument QUERIES)");
  std::vector<float> floats(static_cast<std::size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(floats.data()), static_cast<std::streamsize>(floats.size() * sizeof(float)));
  return floats;
}

void answer(const std::vector<std::string>& arguments) {
  nearfield::LoadOptions mapped;
  mapped.map = mapped.verify = true;
  const nearfield::Index index = nearfield::Index::load(arguments[0], mapped);
  const std::vector<float> queries = read_floats(arguments[1]);
  const std::size_t width = index.config().dimensions;
  const std::size_t rows = queries.size() / width;
  nearfield::QueryOptions options;
  options.k = std::stoul(arguments[2]);
  options.ef = std::stoul(arguments[3]);
  options.num_threads = 1;
  std::vector<nearfield::Id> ids(options.k);
  std::vector<float> distances(options.k);
  std::uint32_t count = 0;

  for (std::size_t passes = 0; std::cin >> passes;) {
    std::uint64_t sum = 0;
    const double begin = cpu_seconds();
    for (std::size_t pass = 0; pass < passes; ++pass) {
      sum = 0;
      for (std::size_t row = 0; row < rows; ++row) {
        index.query(queries.data() + row * width, 1, options, ids.data(), distances.data(), &count);
        sum += ids[0] + ids[options.k - 1];
      }
    }
    const double seconds = (cpu_seconds() - begin) / static_cast<double>(passes * rows);
    std::cout << seconds << ' ' << sum << std::endl;  // flushed: the other side waits
  }
}

}  // namespace

int main(int count, char** values) {
  try {
    const std::vector<std::string> arguments(values + 1, values + count);
    if (arguments.size() != 4) throw std::runtime_error("expected FILE QUERIES K EF");
    answer(arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
