#include "files/voyager.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "files/fault.h"
#include "files/hnswlib.h"
#include "nearfield/error.h"

namespace nearfield {

std::unique_ptr<State> read_voyager(const ByteSource& source, const LoadOptions& options) {
  const std::string& file = source.name();
  std::array<std::byte, kVoyagerPreludeBytes> prelude{};
  source.read(0, prelude.data(), prelude.size(), "prelude");
  const auto version = number_at<std::int32_t>(prelude.data() + 4);
  const auto dimensions = number_at<std::uint32_t>(prelude.data() + 8);
  const auto space = number_at<std::uint8_t>(prelude.data() + 12);
  const auto storage = number_at<std::uint8_t>(prelude.data() + 13);
  const auto transform = number_at<std::uint8_t>(prelude.data() + 18);
  if (version != 1) {
    throw UnsupportedVersion(file + " is a Voyager file of version " + std::to_string(version) +
                             "; nearfield reads versions 0 and 1. Save it with Voyager 2.x");
  }
  require(dimensions >= 1 && dimensions <= kMaxDimensions, file, 8, "dimensions", dimensions, "1 to 1048576");
  require(space <= 2, file, 12, "space", space, "0, 1 or 2");
  require(is_voyagers(static_cast<Storage>(storage)), file, 13, "storage", storage, "16, 32 or 48");
  const bool may_transform = static_cast<Space>(space) == Space::InnerProduct;
  require(transform <= (may_transform ? 1 : 0), file, 18, "transform", transform, "0, or 1 in InnerProduct");
  BodyKind kind;
  kind.offset = prelude.size();
  kind.space = static_cast<Space>(space);
  kind.storage = static_cast<Storage>(storage);
  kind.dimensions = dimensions;
  kind.dropped = transform;
  IndexConfig held;
  held.space = kind.space;
  held.storage = kind.storage;
  held.dimensions = kind.dimensions;
  match(options, file, held);
  return read_hnsw_body(source, kind);
}

}  // namespace nearfield
