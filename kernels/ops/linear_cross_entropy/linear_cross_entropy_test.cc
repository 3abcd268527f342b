// What is special to linear_cross_entropy: the logits never exist at once. That its bits are those of the operators
// that it fuses is research/strata/nn/nn_test.py's; the rest is kernels/testing/conformance_test.cc.
#include "kernels/ops/linear_cross_entropy/linear_cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include "kernels/testing/float_call.h"
#include "kernels/testing/slope.h"

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

// Weights of zero make every class equally likely, whatever the rows are.
TEST(LinearCrossEntropyTest, EqualLogitsCostTheLogOfTheirNumberAndPushAllClassesAlike) {
  constexpr int64_t kRows = 3, kWidth = 5, kClasses = 70;
  std::vector<float> x = Uneven(kRows * kWidth), weight(kClasses * kWidth, 0);
  std::vector<int64_t> target = {0, 69, 33};
  OwnedCall sample(kLinearCrossEntropy);
  sample.call.inputs[0] = MakeView(x.data(), DType::kF32, {kRows, kWidth});
  sample.call.inputs[1] = MakeView(weight.data(), DType::kF32, {kClasses, kWidth});
  sample.call.inputs[2] = MakeView(target.data(), DType::kI64, {kRows});
  const Outputs out = RunSample(ops::linear_cross_entropy::kOps[0], sample);
  EXPECT_NEAR(*out.views[0].In<float>(), std::log(70.0), 1e-6);
  for (int64_t i = 0; i < kRows * kWidth; ++i) EXPECT_EQ(out.views[1].In<float>()[i], 0) << "its weights are zero";
  // A column's gradients add up to nothing: what the targets gain, all classes lose.
  for (int64_t k = 0; k < kWidth; ++k) {
    double sum = 0;
    for (int64_t c = 0; c < kClasses; ++c) sum += out.views[2].In<float>()[c * kWidth + k];
    EXPECT_NEAR(sum, 0, 1e-5);
    EXPECT_LT(out.views[2].In<float>()[k] * x[static_cast<size_t>(k)], 0) << "the first row's target";
  }
}

TEST(LinearCrossEntropyTest, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::linear_cross_entropy::kOps[0], ops::linear_cross_entropy::kOps[1]), "");
}

TEST(LinearCrossEntropyTest, TheLossIsTheMeanOfTheRowsLosses) {
  constexpr int64_t kRows = 3, kWidth = 5, kClasses = 70;
  std::vector<float> x = Uneven(kRows * kWidth, 0.02f), weight = Uneven(kClasses * kWidth, 0.03f);
  std::vector<float> bias = Uneven(kClasses, 0.01f);
  std::vector<int64_t> target = {0, -100, 33};  // the second is ignored
  for (const double smoothing : {0.0, 0.1}) {
    double want = 0;
    for (const size_t r : {0u, 2u}) {
      double sum = 0, mean = 0, hit = 0;
      for (size_t c = 0; c < kClasses; ++c) {
        double logit = bias[c];
        for (size_t k = 0; k < kWidth; ++k) logit += double{x[r * kWidth + k]} * weight[c * kWidth + k];
        sum += std::exp(logit), mean += logit / kClasses;
        if (static_cast<int64_t>(c) == target[r]) hit = logit;
      }
      want += (std::log(sum) - (1 - smoothing) * hit - smoothing * mean) / 2;
    }
    OwnedCall sample(kLinearCrossEntropy);
    sample.call.inputs[0] = MakeView(x.data(), DType::kF32, {kRows, kWidth});
    sample.call.inputs[1] = MakeView(weight.data(), DType::kF32, {kClasses, kWidth});
    sample.call.inputs[2] = MakeView(target.data(), DType::kI64, {kRows});
    sample.call.inputs[3] = MakeView(bias.data(), DType::kF32, {kClasses});
    sample.call.attrs[static_cast<size_t>(kLinearCrossEntropy.FindAttr("label_smoothing"))].f = smoothing;
    EXPECT_NEAR(*RunSample(ops::linear_cross_entropy::kOps[0], sample).views[0].In<float>(), want, 2e-6);
  }
}

}  // namespace
}  // namespace strata
