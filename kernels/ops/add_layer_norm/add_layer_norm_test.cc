// What is special to add_layer_norm; that its bits are those of an addition and layer_norm is add_layer_norm_test.py's.
#include "kernels/ops/add_layer_norm/add_layer_norm.h"

#include <gtest/gtest.h>

#include "kernels/testing/float_call.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

TEST(AddLayerNorm, TheSumIsExactAndGetsMeanZeroAndVarianceOne) {
  for (const int width : {2, 15, 64, 65, 384, 1500}) {
    const std::vector<float> x = Uneven(width), residual(x.size(), 7.5f), ones(x.size(), 1), zeros(x.size(), 0);
    const auto out = FloatCall(ops::add_layer_norm::kOps[0])
                         .Arg({1, width}, x)
                         .Arg({1, width}, residual)
                         .Arg({width}, ones)
                         .Arg({width}, zeros)
                         .Set("eps", 0)
                         .Run();
    double total = 0, squares = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(out[1][i], x[i] + 7.5f);
      total += out[0][i], squares += double{out[0][i]} * out[0][i];
    }
    EXPECT_NEAR(total / width, 0, 1e-6) << width;
    EXPECT_NEAR(squares / width, 1, 1e-5) << width;
  }
}

TEST(AddLayerNorm, ShiftingARowChangesNoBitButTheSum) {
  // Whole numbers, and a width that is a power of two: sums, mean and differences are exact.
  const std::vector<float> x = Uneven(64), ones(64, 1), zeros(64, 0), shift(64, 1024);
  const auto normalized = [&](const std::vector<float>& residual) {
    return FloatCall(ops::add_layer_norm::kOps[0])
        .Arg({1, 64}, x)
        .Arg({1, 64}, residual)
        .Arg({64}, ones)
        .Arg({64}, zeros)
        .Run()[0];
  };
  EXPECT_EQ(normalized(zeros), normalized(shift));
}

TEST(AddLayerNorm, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::add_layer_norm::kOps[0], ops::add_layer_norm::kOps[1]), "");
}

TEST(AddLayerNorm, WeightAndBiasAreOfTheirColumn) {
  constexpr int64_t kWidth = 67;
  const std::vector<float> x = Uneven(2 * kWidth), residual = Uneven(2 * kWidth, 0.5f), weight = Uneven(kWidth, 0.37f),
                           bias = Uneven(kWidth, -3);
  const auto run = [&](const std::vector<float>& w, const std::vector<float>& b) {
    return FloatCall(ops::add_layer_norm::kOps[0])
        .Arg({2, kWidth}, x)
        .Arg({2, kWidth}, residual)
        .Arg({kWidth}, w)
        .Arg({kWidth}, b)
        .Run()[0];
  };
  const std::vector<float> normal = run(std::vector<float>(kWidth, 1), std::vector<float>(kWidth, 0));
  const std::vector<float> y = run(weight, bias);
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(y[i], std::fma(normal[i], weight[i % kWidth], bias[i % kWidth])) << i;
  }
}

TEST(AddLayerNorm, AConstantSumBecomesTheBias) {  // eps keeps it from 0 / 0
  const std::vector<float> x = Uneven(65), bias = Uneven(65, 0.5f);
  std::vector<float> residual;
  for (const float v : x) residual.push_back(3 - v);
  const std::vector<float> y = FloatCall(ops::add_layer_norm::kOps[0])
                                   .Arg({1, 65}, x)
                                   .Arg({1, 65}, residual)
                                   .Arg({65}, std::vector<float>(65, 2))
                                   .Arg({65}, bias)
                                   .Run()[0];
  EXPECT_EQ(y, bias);
}

}  // namespace
}  // namespace strata
