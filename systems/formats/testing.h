// Tensors and bytes for tests.
//
//   TensorBag bag;
//   bag.Floats("x", {2, 8}, SomeFloats(16, 9));
//   auto parsed = SafeTensors::Parse(AsBytes(bag.Bytes()));
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "kernels/core/tensor_view.h"
#include "systems/formats/safetensors.h"

namespace strata::runtime {

// Owns tensors by name.
class TensorBag {
 public:
  TensorView Floats(std::string name, std::initializer_list<int64_t> sizes, const std::vector<float>& values);
  TensorView Ints(std::string name, std::initializer_list<int64_t> sizes, const std::vector<int64_t>& values);
  // A copy of any contiguous tensor.
  TensorView Copy(std::string name, const TensorView& from);
  absl::Span<const NamedTensor> tensors() const { return tensors_; }
  std::string Bytes() const { return WriteSafeTensors(tensors_); }

 private:
  std::deque<std::vector<int64_t>> memory_;  // int64_t: aligned for every dtype
  std::vector<NamedTensor> tensors_;
};

// Numbers that look random, the same every time.
std::vector<float> SomeFloats(size_t count, uint32_t seed);

// `text` with the first `from` replaced. Dies if there is none: then the test would test nothing.
std::string Replaced(std::string text, std::string_view from, std::string_view to);

absl::Span<const std::byte> AsBytes(std::string_view text);

}  // namespace strata::runtime
