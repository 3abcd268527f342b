// What is special to rms_norm; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/rms_norm/rms_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/testing/float_call.h"
#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

// One row, weight 1.
std::vector<float> Normalized(std::vector<float> row, double eps) {
  const int64_t width = static_cast<int64_t>(row.size());
  std::vector<float> ones(row.size(), 1);
  OwnedCall sample(kRmsNorm);
  sample.call.inputs[0] = MakeView(row.data(), DType::kF32, {1, width});
  sample.call.inputs[1] = MakeView(ones.data(), DType::kF32, {width});
  sample.call.attrs[0].f = eps;
  const Outputs out = RunSample(ops::rms_norm::kOps[0], sample);
  const auto* y = out.views[0].In<float>();
  return {y, y + width};
}

std::vector<float> Row(int width, float scale) {
  std::vector<float> row;
  for (int i = 0; i < width; ++i) row.push_back((static_cast<float>((i * 37) % 101) - 40) * scale);
  return row;
}

TEST(RmsNorm, TheMeanSquareOfARowIsOne) {
  for (const int width : {1, 15, 64, 65, 384, 1000}) {
    double squares = 0;
    for (float v : Normalized(Row(width, 0.37f), 0)) squares += double{v} * v;
    EXPECT_NEAR(squares / width, 1, 1e-6) << width;
  }
}

TEST(RmsNorm, APowerOfFourInTheRowChangesNoBit) {  // its root is a power of two, so every step scales exactly
  EXPECT_EQ(Normalized(Row(384, 4.0f), 0), Normalized(Row(384, 1.0f), 0));
  EXPECT_EQ(Normalized(Row(384, 0x1p-20f), 0), Normalized(Row(384, 1.0f), 0));
}

TEST(RmsNorm, ARowOfZerosStaysZero) {
  for (float v : Normalized(std::vector<float>(65, 0.0f), 1e-6)) EXPECT_EQ(v, 0);
}

TEST(RmsNorm, TheGradientsOfARowStandOnIt) {
  for (const int width : {2, 15, 64, 65, 384, 1500}) {
    const std::vector<float> x = Row(width, 0.25f), ones(x.size(), 1);
    std::vector<float> grad_y;
    for (int i = 0; i < width; ++i) grad_y.push_back(static_cast<float>((i * 53) % 17 - 3));
    const FloatCall::Values grads = FloatCall(ops::rms_norm::kOps[1])
                                        .Arg({1, width}, grad_y)
                                        .Arg({1, width}, x)
                                        .Arg({width}, ones)
                                        .Set("eps", 0)
                                        .Run()[0];
    double along = 0, terms = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      along += double{grads[i]} * x[i], terms += std::abs(double{grads[i]} * x[i]);
    }
    EXPECT_NEAR(along, 0, 1e-6 * terms + 1e-6) << width;
  }
}

TEST(RmsNorm, TheGradientIsTheSlope) { EXPECT_EQ(CheckSlopes(ops::rms_norm::kOps[0], ops::rms_norm::kOps[1]), ""); }

TEST(RmsNorm, AWeightIsOfItsColumn) {
  constexpr int64_t kWidth = 67;
  const std::vector<float> x = Uneven(2 * kWidth), weight = Uneven(kWidth, 0.37f);
  const auto run = [&](const std::vector<float>& w) {
    return FloatCall(ops::rms_norm::kOps[0]).Arg({2, kWidth}, x).Arg({kWidth}, w).Run()[0];
  };
  const std::vector<float> normal = run(std::vector<float>(kWidth, 1)), y = run(weight);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], normal[i] * weight[i % kWidth]) << i;
}

}  // namespace
}  // namespace strata
