// What is special to layer_norm; agreement with the reference, bits and batches are
// kernels/testing/conformance_test.cc.
#include "kernels/ops/layer_norm/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/testing/float_call.h"
#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

const OpDef& kOp = ops::layer_norm::kOps[0];

// One row, weight 1 and bias 0.
std::vector<float> Normalized(std::vector<float> row, double eps) {
  const int64_t width = static_cast<int64_t>(row.size());
  std::vector<float> ones(row.size(), 1), zeros(row.size(), 0);
  OwnedCall sample(kLayerNorm);
  sample.call.inputs[0] = MakeView(row.data(), DType::kF32, {1, width});
  sample.call.inputs[1] = MakeView(ones.data(), DType::kF32, {width});
  sample.call.inputs[2] = MakeView(zeros.data(), DType::kF32, {width});
  sample.call.attrs[0].f = eps;
  const Outputs out = RunSample(kOp, sample);
  const auto* y = out.views[0].In<float>();
  return {y, y + width};
}

TEST(LayerNorm, RowsHaveMeanZeroAndVarianceOne) {
  for (const int width : {2, 15, 64, 65, 384, 1000}) {
    std::vector<float> row;
    for (int i = 0; i < width; ++i) row.push_back(static_cast<float>((i * 37) % 101) + 5);
    const std::vector<float> y = Normalized(row, 0);
    double sum = 0, squares = 0;
    for (float v : y) sum += v, squares += double{v} * v;
    EXPECT_NEAR(sum / width, 0, 1e-6) << width;
    EXPECT_NEAR(squares / width, 1, 1e-5) << width;
  }
}

TEST(LayerNorm, ALargeMeanDoesNotDrownTheVariance) {
  // E[x^2] - E[x]^2 in float32 would be 0 or negative here.
  std::vector<float> row;
  for (int i = 0; i < 128; ++i) row.push_back(100000.0f + static_cast<float>(i % 2));
  const std::vector<float> y = Normalized(row, 0);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], i % 2 ? 1 : -1, 1e-5);
}

TEST(LayerNorm, AConstantRowIsZero) {
  for (float v : Normalized(std::vector<float>(65, 3.25f), 1e-5)) EXPECT_EQ(v, 0);
}

TEST(LayerNorm, TheGradientsOfARowSumToZeroAndStandOnIt) {
  for (const int width : {2, 15, 64, 65, 384, 1500}) {
    const std::vector<float> x = Uneven(width, 0.25f), ones(x.size(), 1);
    std::vector<float> grad_y;
    for (int i = 0; i < width; ++i) grad_y.push_back(static_cast<float>((i * 53) % 17 - 3));
    const FloatCall::Values grads = FloatCall(ops::layer_norm::kOps[1])
                                        .Arg({1, width}, grad_y)
                                        .Arg({1, width}, x)
                                        .Arg({width}, ones)
                                        .Set("eps", 0)
                                        .Run()[0];
    double sum = 0, along = 0, terms = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      sum += grads[i], along += double{grads[i]} * x[i], terms += std::abs(grads[i]);
    }
    EXPECT_NEAR(sum, 0, 1e-6 * terms + 1e-6) << width;
    EXPECT_NEAR(along, 0, 2e-5 * terms + 1e-5) << width;
  }
}

TEST(LayerNorm, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::layer_norm::kOps[0], ops::layer_norm::kOps[1]), "");
}

TEST(LayerNorm, WeightAndBiasAreOfTheirColumn) {
  constexpr int64_t kWidth = 67;
  const std::vector<float> x = Uneven(2 * kWidth), weight = Uneven(kWidth, 0.37f), bias = Uneven(kWidth, -3);
  const auto run = [&](const std::vector<float>& w, const std::vector<float>& b) {
    return FloatCall(ops::layer_norm::kOps[0]).Arg({2, kWidth}, x).Arg({kWidth}, w).Arg({kWidth}, b).Run()[0];
  };
  const std::vector<float> normal = run(std::vector<float>(kWidth, 1), std::vector<float>(kWidth, 0));
  const std::vector<float> y = run(weight, bias);
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(y[i], std::fma(normal[i], weight[i % kWidth], bias[i % kWidth])) << i;
  }
}

}  // namespace
}  // namespace strata
