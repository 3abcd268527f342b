// What is special to softmax; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/softmax/softmax.h"

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
const float kNaN = std::nanf("");

std::vector<float> Softmax(std::vector<float> row, std::string_view variant) {
  OwnedCall sample(kSoftmax);
  sample.call.inputs[0] = MakeView(row.data(), DType::kF32, {static_cast<int64_t>(row.size())});
  const Outputs out = RunSample(ops::softmax::kOps[0], sample, {.row = variant});
  const auto* y = out.views[0].In<float>();
  return {y, y + row.size()};
}

class SoftmaxTest : public testing::TestWithParam<std::string> {};

TEST_P(SoftmaxTest, RowsSumToOne) {
  for (const int width : {1, 7, 64, 65, 1000}) {
    std::vector<float> row;
    for (int i = 0; i < width; ++i) row.push_back(static_cast<float>((i * 37) % 101) * 0.3f);
    double sum = 0;
    for (float v : Softmax(row, GetParam())) sum += v;
    EXPECT_NEAR(sum, 1, 1e-6) << width;
  }
}

TEST_P(SoftmaxTest, LargeValuesDoNotOverflow) {
  const std::vector<float> y = Softmax({3e38f, 3e38f, -3e38f}, GetParam());
  EXPECT_EQ(y, (std::vector<float>{0.5f, 0.5f, 0}));
}

TEST_P(SoftmaxTest, MinusInfinityTakesNoShare) {
  const std::vector<float> y = Softmax({-kInf, 2, -kInf, 2}, GetParam());
  EXPECT_EQ(y, (std::vector<float>{0, 0.5f, 0, 0.5f}));
}

TEST_P(SoftmaxTest, ARowOfMinusInfinityIsNaN) {
  for (float v : Softmax(std::vector<float>(67, -kInf), GetParam())) EXPECT_TRUE(std::isnan(v));
}

TEST_P(SoftmaxTest, OneNaNOrInfinitySpoilsItsWholeRow) {
  for (const float bad : {kNaN, kInf}) {
    // In every lane, so that no fold of the maximum may lose it.
    for (size_t at = 0; at < 67; ++at) {
      std::vector<float> row(67, 1.0f);
      row[at] = bad;
      for (float v : Softmax(row, GetParam())) EXPECT_TRUE(std::isnan(v)) << at;
    }
  }
}

TEST_P(SoftmaxTest, ShiftingARowChangesNoBit) {  // of numbers whose differences are exact
  std::vector<float> row = Uneven(97, 0.125f);
  const std::vector<float> want = Softmax(row, GetParam());
  for (float& v : row) v += 1024;
  EXPECT_EQ(Softmax(row, GetParam()), want);
}

TEST_P(SoftmaxTest, TheGradientsOfARowSumToZero) {
  for (const int width : {1, 7, 64, 65, 1500}) {
    const std::vector<float> y = Softmax(Uneven(width, 0.0625f), GetParam());
    const FloatCall::Values grads = FloatCall(ops::softmax::kOps[1])
                                        .Arg({1, width}, Uneven(width, 0.5f))
                                        .Arg({1, width}, y)
                                        .Run({.row = GetParam()})[0];
    double sum = 0, terms = 0;
    for (float v : grads) sum += v, terms += std::abs(v);
    EXPECT_NEAR(sum, 0, 2e-6 * terms) << width;
  }
}

TEST_P(SoftmaxTest, SharesOfARowAreAsTheirExponentials) {
  const std::vector<float> row = Uneven(97, 0.125f), y = Softmax(row, GetParam());
  for (size_t i = 1; i < row.size(); ++i) {
    const double ratio = std::exp(double{row[i]} - row[0]);
    EXPECT_NEAR(y[i] / y[0], ratio, 1e-6 * ratio) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, SoftmaxTest, testing::Values("simd", "ref"),
                         [](const auto& info) { return info.param; });

TEST(Softmax, TheGradientIsTheSlope) { EXPECT_EQ(CheckSlopes(ops::softmax::kOps[0], ops::softmax::kOps[1]), ""); }

}  // namespace
}  // namespace strata
