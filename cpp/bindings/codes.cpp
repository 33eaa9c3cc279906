// The storages by themselves, for tests and tools.
#include "codes/codes.h"

#include <string_view>

#include "arrays.h"
#include "bindings.h"
#include "build/sketches.h"
#include "codes/grid.h"
#include "codes/pairs.h"
#include "hash.h"
#include "walk/metric.h"

namespace nearfield::bindings {
namespace {

Array<float> normalize(const Array<float>& vectors) {
  const auto width = static_cast<std::size_t>(vectors.shape(vectors.ndim() - 1));
  IndexConfig config;
  config.space = Space::Cosine;
  config.dimensions = static_cast<std::uint32_t>(width);
  const Metric metric(config, active_level());
  const Vectors in = vectors_of(vectors, width, "vectors");
  Array<float> out(std::vector<py::ssize_t>(vectors.shape(), vectors.shape() + vectors.ndim()));
  std::vector<float> unit(metric.padded);
  for (std::size_t row = 0; row < in.rows; ++row) {
    metric.prepare(in.data + row * width, unit.data());
    std::copy_n(unit.data(), width, out.mutable_data() + row * width);
  }
  return out;
}

py::array_t<std::uint8_t> encode(const Array<float>& vectors, int storage) {
  const auto kind = static_cast<Storage>(storage);
  const auto n = static_cast<std::size_t>(vectors.size());
  py::array_t<std::uint8_t> out(static_cast<py::ssize_t>(n * element_bytes(kind)));
  encode_row(kind, vectors.data(), n, reinterpret_cast<std::byte*>(out.mutable_data()));
  return out;
}

Array<float> decode(const Array<std::uint8_t>& rows, int storage) {
  const auto kind = static_cast<Storage>(storage);
  const std::size_t n = static_cast<std::size_t>(rows.size()) / element_bytes(kind);
  Array<float> out(static_cast<py::ssize_t>(n));
  decode_row(kind, reinterpret_cast<const std::byte*>(rows.data()), n, out.mutable_data());
  return out;
}

IndexConfig resolved(int space, int storage, std::uint32_t dimensions, int codes) {
  IndexConfig config;
  config.space = static_cast<Space>(space);
  config.storage = static_cast<Storage>(storage);
  config.dimensions = dimensions;
  config.codes = static_cast<Codes>(codes);
  config.codes = resolve_codes(config);
  return config;
}

std::size_t bytes_of_codes(int space, int storage, std::uint32_t dimensions, int codes) {
  const IndexConfig config = resolved(space, storage, dimensions, codes);
  return config.codes == Codes::None ? 0 : code_bytes(config.codes, dimensions);
}

std::size_t bytes_of_sketches(int space, int storage, std::uint32_t dimensions, int codes, std::size_t rows) {
  const bool may = rows >= kRowsForSketch && may_sketch(resolved(space, storage, dimensions, codes));
  return may ? kSketchBytes : 0;
}

py::list pairs() {
  py::list out;
  for (const Pair& pair : legal_pairs()) {
    out.append(py::make_tuple(static_cast<int>(pair.storage), static_cast<int>(pair.codes), pair.euclidean,
                              pair.inner_product, pair.cosine));
  }
  return out;
}

}  // namespace

void bind_codes(py::module_& module) {
  module.def("normalize", &normalize, py::arg("vectors"));
  module.def("encode", &encode, py::arg("vectors"), py::arg("storage"));
  module.def("code_bytes", &bytes_of_codes, py::arg("space"), py::arg("storage"), py::arg("dimensions"),
             py::arg("codes"));
  module.def("sketch_bytes", &bytes_of_sketches, py::arg("space"), py::arg("storage"), py::arg("dimensions"),
             py::arg("codes"), py::arg("rows"));
  module.def("legal_pairs", &pairs);
  module.def("decode", &decode, py::arg("rows"), py::arg("storage"));
  module.def(
      "xxh64",
      [](const py::bytes& data, std::uint64_t seed) {
        const std::string_view view(data);
        return xxh64(view.data(), view.size(), seed);
      },
      py::arg("data"), py::arg("seed") = 0);
}

}  // namespace nearfield::bindings
