// A sink with a buffer and a position: small pieces are gathered, large ones are passed on as they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nearfield/index.h"

namespace nearfield {

class Output {
 public:
  explicit Output(const ByteSink& sink) : sink_(sink) {}

  void put(const void* data, std::size_t bytes);
  template <class Number>
  void put_number(Number number) {
    put(&number, sizeof number);
  }
  void pad_to(std::uint64_t position);  // with zeros
  void flush();                         // once, at the end
  std::uint64_t position() const { return position_; }

 private:
  const ByteSink& sink_;
  std::vector<std::byte> buffer_;
  std::uint64_t position_ = 0;
};

}  // namespace nearfield
