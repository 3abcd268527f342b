// What is special to linear_cross_entropy: the logits never exist at once. That its bits are those of the operators
// that it fuses is research/strata/nn/nn_test.py's; the rest is kernels/testing/conformance_test.cc.
#include "kernels/ops/linear_cross_entropy/linear_cross_entropy.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(LinearCrossEntropyTest, ALargeVocabularyTakesNoMoreMemoryForMoreRows) {
  constexpr int64_t kWidth = 384, kClasses = 50000;
  const Variant& row = ops::linear_cross_entropy::kOps[0].variants[0];
  float nothing = 0;
  size_t bytes[2];
  for (const int64_t rows : {1024, 65536}) {
    Call call(kLinearCrossEntropy);
    call.inputs[0] = MakeView(&nothing, DType::kF32, {rows, kWidth});
    call.inputs[1] = MakeView(&nothing, DType::kF32, {kClasses, kWidth});
    bytes[rows > 1024] = row.workspace_bytes(call, 2);
  }
  // A chunk's logits, and packed panels: of 65,536 rows the logits would take 13 GB.
  EXPECT_LT(bytes[1], size_t{80} << 20);
  EXPECT_LT(bytes[1], bytes[0] + (size_t{1} << 20)) << "but a loss for each row";
}

}  // namespace
}  // namespace strata
