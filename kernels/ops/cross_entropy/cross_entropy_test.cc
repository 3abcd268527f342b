// What is special to cross_entropy; the rest is kernels/testing/conformance_test.cc.
#include "kernels/ops/cross_entropy/cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/testing/float_call.h"
#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

OwnedCall OneRow(std::vector<float>& logits, std::vector<int64_t>& target) {
  OwnedCall sample(kCrossEntropy);
  sample.call.inputs[0] = MakeView(logits.data(), DType::kF32, {1, static_cast<int64_t>(logits.size())});
  sample.call.inputs[1] = MakeView(target.data(), DType::kI64, {1});
  return sample;
}

float Loss(std::vector<float> logits, int64_t target, std::string_view row) {
  std::vector<int64_t> targets = {target};
  return RunSample(ops::cross_entropy::kOps[0], OneRow(logits, targets), {.row = row}).views[0].In<float>()[0];
}

class CrossEntropyTest : public testing::TestWithParam<std::string> {};

TEST_P(CrossEntropyTest, EqualLogitsCostTheLogOfTheirNumber) {
  for (const size_t classes : {1u, 10u, 64u, 100u}) {
    EXPECT_NEAR(Loss(std::vector<float>(classes, -7.5f), 0, GetParam()), std::log(static_cast<double>(classes)), 1e-6);
  }
}

TEST_P(CrossEntropyTest, LargeLogitsDoNotOverflow) {
  EXPECT_EQ(Loss({1e30f, -1e30f}, 0, GetParam()), 0);
  EXPECT_EQ(Loss({1000, 0, 0}, 1, GetParam()), 1000);
}

TEST_P(CrossEntropyTest, MinusInfinityIsImpossible) {
  EXPECT_EQ(Loss({-kInf, 1}, 1, GetParam()), 0);
  EXPECT_EQ(Loss({-kInf, 1}, 0, GetParam()), kInf);
  EXPECT_TRUE(std::isnan(Loss({-kInf, -kInf}, 0, GetParam())));
}

TEST_P(CrossEntropyTest, TheGradientsOfARowSumToZero) {
  std::vector<float> grad = {2}, logits;
  for (int i = 0; i < 77; ++i) logits.push_back(static_cast<float>((i * 37) % 19) * 0.25f);
  std::vector<int64_t> target = {76};
  OwnedCall sample(kCrossEntropyBackward);
  sample.call.inputs[0] = MakeView(grad.data(), DType::kF32, {1});
  sample.call.inputs[1] = MakeView(logits.data(), DType::kF32, {1, 77});
  sample.call.inputs[2] = MakeView(target.data(), DType::kI64, {1});
  const Outputs forward = RunSample(ops::cross_entropy::kOps[0], OneRow(logits, target), {.row = GetParam()});
  sample.call.inputs[3] = forward.views[1];
  const Outputs out = RunSample(ops::cross_entropy::kOps[1], sample, {.row = GetParam()});
  double sum = 0;
  for (int i = 0; i < 77; ++i) {
    const float g = out.views[0].In<float>()[i];
    EXPECT_EQ(g < 0, i == 76) << i;
    sum += g;
  }
  EXPECT_NEAR(sum, 0, 1e-6);
}

TEST_P(CrossEntropyTest, AnIgnoredRowCostsNothingWhateverIsInIt) {
  EXPECT_EQ(Loss({std::nanf(""), kInf}, -100, GetParam()), 0);
}

TEST_P(CrossEntropyTest, ANanAnywhereInTheRowIsSeen) {
  for (const size_t at : {0u, 5u, 63u, 64u, 76u}) {
    std::vector<float> logits(77, 1.0f);
    logits[at] = std::nanf("");
    EXPECT_TRUE(std::isnan(Loss(logits, 1, GetParam()))) << at;
  }
}

TEST_P(CrossEntropyTest, TheLossIsTheLogOfTheTargetsShareSmoothedByTheOthers) {
  std::vector<float> logits = Uneven(77, 0.125f);
  std::vector<int64_t> target = {5};
  double sum = 0, mean = 0;
  for (const float v : logits) sum += std::exp(double{v}), mean += double{v} / 77;
  for (const double smoothing : {0.0, 0.1}) {
    OwnedCall sample = OneRow(logits, target);
    sample.call.attrs[static_cast<size_t>(kCrossEntropy.FindAttr("label_smoothing"))].f = smoothing;
    const Outputs out = RunSample(ops::cross_entropy::kOps[0], sample, {.row = GetParam()});
    EXPECT_NEAR(*out.views[0].In<float>(), std::log(sum) - (1 - smoothing) * logits[5] - smoothing * mean, 2e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, CrossEntropyTest, testing::Values("simd", "ref"),
                         [](const auto& info) { return info.param; });

TEST(CrossEntropy, RefusesATargetThatIsNoClass) {
  std::vector<float> logits(10);
  for (const int64_t bad : {int64_t{-1}, int64_t{10}}) {
    std::vector<int64_t> target = {bad};
    Outputs out;
    EXPECT_EQ(TrySample(ops::cross_entropy::kOps[0], OneRow(logits, target), {}, &out).message(),
              "strata::cross_entropy: target has " + std::to_string(bad) +
                  " at position 0, wanted an index from 0 to 9 (the size of C is 10) or -100");
  }
}

TEST(CrossEntropy, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::cross_entropy::kOps[0], ops::cross_entropy::kOps[1]), "");
}

}  // namespace
}  // namespace strata
