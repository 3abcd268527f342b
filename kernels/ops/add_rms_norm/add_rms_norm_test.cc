// What is special to add_rms_norm; that its bits are those of an addition and rms_norm is add_rms_norm_test.py's.
#include "kernels/ops/add_rms_norm/add_rms_norm.h"

#include <gtest/gtest.h>

#include "kernels/testing/float_call.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

TEST(AddRmsNorm, TheSumIsExactAndItsMeanSquareBecomesOne) {
  for (const int width : {1, 15, 64, 65, 384, 1500}) {
    const std::vector<float> x = Uneven(width), residual(x.size(), 7.5f);
    const auto out = FloatCall(ops::add_rms_norm::kOps[0])
                         .Arg({1, width}, x)
                         .Arg({1, width}, residual)
                         .Arg({width}, std::vector<float>(x.size(), 1))
                         .Set("eps", 0)
                         .Run();
    double squares = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(out[1][i], x[i] + 7.5f);
      squares += double{out[0][i]} * out[0][i];
    }
    EXPECT_NEAR(squares / width, 1, 1e-6) << width;
  }
}

TEST(AddRmsNorm, GradientsStandOnTheRow) {
  // The result does not change with the row's length, so the norm's gradient has none along it.
  for (const int width : {2, 64, 65, 384, 1500}) {
    const std::vector<float> sum = Uneven(width, 0.25f);
    const std::vector<float> zeros(sum.size(), 0), ones(sum.size(), 1);
    std::vector<float> grad_y;
    for (int i = 0; i < width; ++i) grad_y.push_back(static_cast<float>((i * 53) % 17 - 3));
    const auto out = FloatCall(ops::add_rms_norm::kOps[1])
                         .Arg({1, width}, grad_y)
                         .Arg({1, width}, zeros)
                         .Arg({1, width}, sum)
                         .Arg({width}, ones)
                         .Set("eps", 0)
                         .Run();
    double along = 0, terms = 0;
    for (size_t i = 0; i < sum.size(); ++i) {
      along += double{out[0][i]} * sum[i];
      terms += std::abs(double{out[0][i]} * sum[i]);
    }
    EXPECT_NEAR(along, 0, 1e-6 * terms + 1e-6) << width;
  }
}

TEST(AddRmsNorm, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::add_rms_norm::kOps[0], ops::add_rms_norm::kOps[1]), "");
}

TEST(AddRmsNorm, AWeightIsOfItsColumn) {
  constexpr int64_t kWidth = 67;
  const std::vector<float> x = Uneven(2 * kWidth), residual = Uneven(2 * kWidth, 0.5f), weight = Uneven(kWidth, 0.37f);
  const auto run = [&](const std::vector<float>& w) {
    return FloatCall(ops::add_rms_norm::kOps[0])
        .Arg({2, kWidth}, x)
        .Arg({2, kWidth}, residual)
        .Arg({kWidth}, w)
        .Run()[0];
  };
  const std::vector<float> normal = run(std::vector<float>(kWidth, 1)), y = run(weight);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], normal[i] * weight[i % kWidth]) << i;
}

TEST(AddRmsNorm, ASumOfZerosStaysZero) {  // eps keeps it from 0 / 0
  const std::vector<float> x = Uneven(65);
  const std::vector<float> y = FloatCall(ops::add_rms_norm::kOps[0])
                                   .Arg({1, 65}, x)
                                   .Arg({1, 65}, Uneven(65, -1))
                                   .Arg({65}, std::vector<float>(65, 2))
                                   .Run()[0];
  EXPECT_EQ(y, std::vector<float>(65, 0));
}

}  // namespace
}  // namespace strata
