// What is special to batch_norm; agreement with the reference, bits and batches are
// kernels/testing/conformance_test.cc.
#include "kernels/ops/batch_norm/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing/float_call.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

// Variances are powers of four, so that deviations are powers of two and every step is exact.
constexpr int64_t kChannels = 3;
const std::vector<float> kMean = {5, -3, 0.5f}, kVar = {4, 0.25f, 1}, kWeight = {2, -8, 1}, kBias = {1, 0, -7};

std::vector<float> Normalized(const std::vector<float>& x, int64_t places) {
  return FloatCall(ops::batch_norm::kOps[0])
      .Arg({static_cast<int64_t>(x.size()) / kChannels / places, kChannels, places}, x)
      .Arg({kChannels}, kMean)
      .Arg({kChannels}, kVar)
      .Arg({kChannels}, kWeight)
      .Arg({kChannels}, kBias)
      .Set("eps", 0)
      .Run()[0];
}

TEST(BatchNorm, TheMeanBecomesTheBiasAndADeviationTheWeight) {
  for (const int64_t places : {1, 15, 64, 67}) {
    for (const float deviations : {0.0f, 1.0f, -2.0f}) {
      std::vector<float> x;
      for (int64_t i = 0; i < 2 * kChannels * places; ++i) {
        const auto c = static_cast<size_t>(i / places % kChannels);
        x.push_back(kMean[c] + deviations * std::sqrt(kVar[c]));
      }
      const std::vector<float> y = Normalized(x, places);
      for (size_t i = 0; i < y.size(); ++i) {
        const size_t c = i / static_cast<size_t>(places) % kChannels;
        EXPECT_EQ(y[i], kBias[c] + deviations * kWeight[c]) << i << " of " << places;
      }
    }
  }
}

TEST(BatchNorm, ANaNStaysInItsPlace) {
  std::vector<float> x = Uneven(2 * kChannels * 9);
  const std::vector<float> clean = Normalized(x, 9);
  x[20] = std::nanf("");
  const std::vector<float> y = Normalized(x, 9);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_TRUE(i == 20 ? std::isnan(y[i]) : y[i] == clean[i]) << i;
}

TEST(BatchNorm, TheGradientIsTheSlope) {
  const auto positive = [](OwnedCall& sample) {
    const TensorView& var = sample.call.inputs[static_cast<size_t>(kBatchNorm.FindInput("var"))];
    for (int64_t c = 0; c < var.numel(); ++c) var.Out<double>()[c] = std::fabs(var.In<double>()[c]) + 0.5;
  };
  EXPECT_EQ(CheckSlopes(ops::batch_norm::kOps[0], ops::batch_norm::kOps[1], positive), "");
}

TEST(BatchNorm, EpsIsAddedToTheVariance) {
  const std::vector<float> y = FloatCall(ops::batch_norm::kOps[0])
                                   .Arg({1, 1, 2}, {1, 5})
                                   .Arg({1}, {1})
                                   .Arg({1}, {3.75f})
                                   .Arg({1}, {3})
                                   .Arg({1}, {0.5f})
                                   .Set("eps", 0.25)
                                   .Run()[0];
  EXPECT_EQ(y, (std::vector<float>{0.5f, 6.5f}));
}

}  // namespace
}  // namespace strata
