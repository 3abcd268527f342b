// Small bundles for tests: texts and tensors that a test changes where it wants to, written into a fresh folder.
//
//   TestBundle bundle = RmsNormBundle();
//   bundle.plan = Replaced(bundle.plan, "\"N\"", "\"M\"");
//   auto loaded = Bundle::Load(bundle.Write(), {});
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "kernels/core/tensor_view.h"
#include "systems/runtime/safetensors.h"

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

struct TestBundle {
  std::string manifest, plan, weights, golden;

  // Writes the files into a new folder and returns its path.
  std::string Write() const;
  // Replays the plan to make a golden of `inputs` (`<entry>/<case>/in/<input>`). Dies if that fails.
  void MakeGolden(const TensorBag& inputs);
};

// "norm": x [B, 8] -> rms_norm -> rms_norm -> y [B, 8], stacked along B, with the weights "a" and "b".
TestBundle RmsNormBundle();

// "embed": ids [N] and cu_seqlens [B+1] -> embedding, linear with gelu, mean over each run, l2_normalize -> vectors
// [B, 6], stacked; and the rows before pooling, seen through a reshape and a slice -> tokens [N, 3], ragged.
TestBundle RaggedBundle();

// `"rms_norm": "<its schema's hash>"` for each, joined by commas.
std::string OpsJson(std::initializer_list<std::string_view> ops);

// `text` with the first `from` replaced. Dies if there is none: then the test would test nothing.
std::string Replaced(std::string text, std::string_view from, std::string_view to);

absl::Span<const std::byte> AsBytes(std::string_view text);

}  // namespace strata::runtime
