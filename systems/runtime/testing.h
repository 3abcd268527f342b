// Small bundles for tests: texts and tensors that a test changes where it wants to, written into a fresh folder.
//
//   TestBundle bundle = RmsNormBundle();
//   bundle.plan = Replaced(bundle.plan, "\"N\"", "\"M\"");
//   auto loaded = Bundle::Load(bundle.Write(), {});
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "systems/formats/testing.h"

namespace strata::runtime {

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

}  // namespace strata::runtime
