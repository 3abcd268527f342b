// What is special to l2_normalize; the rest is kernels/testing/conformance_test.cc.
#include "kernels/ops/l2_normalize/l2_normalize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/testing/float_call.h"
#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

std::vector<float> RunRow(const OpDef& op, std::vector<std::vector<float>> inputs, double eps, std::string_view row) {
  OwnedCall sample(*op.schema);
  const int64_t width = static_cast<int64_t>(inputs[0].size());
  for (size_t i = 0; i < inputs.size(); ++i) sample.call.inputs[i] = MakeView(inputs[i].data(), DType::kF32, {width});
  sample.call.attrs[0].f = eps;
  const Outputs out = RunSample(op, sample, {.row = row});
  const auto* y = out.views[0].In<float>();
  return {y, y + width};
}

class L2NormalizeTest : public testing::TestWithParam<std::string> {};

TEST_P(L2NormalizeTest, RowsHaveLengthOne) {
  for (const int width : {1, 7, 64, 65, 384}) {
    std::vector<float> x;
    for (int i = 0; i < width; ++i) x.push_back(static_cast<float>((i * 37) % 101) - 40);
    double squares = 0;
    for (float v : RunRow(ops::l2_normalize::kOps[0], {x}, 1e-12, GetParam())) squares += double{v} * v;
    EXPECT_NEAR(squares, 1, 1e-6) << width;
  }
}

TEST_P(L2NormalizeTest, AZeroRowStaysZero) {
  EXPECT_EQ(RunRow(ops::l2_normalize::kOps[0], {{0, 0, 0}}, 1e-12, GetParam()), (std::vector<float>{0, 0, 0}));
}

TEST_P(L2NormalizeTest, ARowShorterThanEpsIsDividedByEps) {
  EXPECT_EQ(RunRow(ops::l2_normalize::kOps[0], {{0.5f, 0.25f}}, 2, GetParam()), (std::vector<float>{0.25f, 0.125f}));
  EXPECT_EQ(RunRow(ops::l2_normalize::kOps[1], {{3, 5}, {0.5f, 0.25f}}, 2, GetParam()),
            (std::vector<float>{1.5f, 2.5f}));
}

TEST_P(L2NormalizeTest, OneElementHasNoGradientAndANaNSpoilsItsRow) {
  EXPECT_EQ(RunRow(ops::l2_normalize::kOps[1], {{0.3f}, {0.007f}}, 1e-12, GetParam()), (std::vector<float>{0}));
  const std::vector<float> y = RunRow(ops::l2_normalize::kOps[0], {{1, std::nanf("")}}, 1e-12, GetParam());
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
}

TEST_P(L2NormalizeTest, ARowKeepsItsDirection) {
  const std::vector<float> x = Uneven(65, 0.5f), y = RunRow(ops::l2_normalize::kOps[0], {x}, 1e-12, GetParam());
  double squares = 0;
  for (const float v : x) squares += double{v} * v;
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], x[i] / std::sqrt(squares), 1e-7) << i;
}

INSTANTIATE_TEST_SUITE_P(Rows, L2NormalizeTest, testing::Values("simd", "ref"),
                         [](const auto& info) { return info.param; });

TEST(L2Normalize, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::l2_normalize::kOps[0], ops::l2_normalize::kOps[1]), "");
}

}  // namespace
}  // namespace strata
