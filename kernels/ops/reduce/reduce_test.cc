// What is special to reduce; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/reduce/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

class ReduceTest : public testing::TestWithParam<std::string> {
 protected:
  float Reduce(std::vector<float> row, Reduction operation, int64_t correction = 1) const {
    OwnedCall sample(kReduce);
    sample.call.inputs[0] = MakeView(row.data(), DType::kF32, {static_cast<int64_t>(row.size())});
    sample.call.attrs[0].i = static_cast<int64_t>(operation);
    sample.call.attrs[1].i = correction;
    return *RunSample(ops::reduce::kOps[0], sample, {.row = GetParam()}).views[0].In<float>();
  }
};

TEST_P(ReduceTest, WholeNumbersAddExactly) {
  for (const int width : {1, 63, 64, 65, 1000}) {
    std::vector<float> row;
    for (int i = 1; i <= width; ++i) row.push_back(static_cast<float>(i));
    const float n = static_cast<float>(width);
    EXPECT_EQ(Reduce(row, Reduction::kSum), n * (n + 1) / 2);
    EXPECT_EQ(Reduce(row, Reduction::kMean), (n + 1) / 2);
    EXPECT_EQ(Reduce(row, Reduction::kMax), n);
    EXPECT_EQ(Reduce(row, Reduction::kMin), 1);
    // The squares of 1 to n deviate by (n^2 - 1) / 12 on average.
    EXPECT_NEAR(Reduce(row, Reduction::kVar, 0), (double{n} * n - 1) / 12, 1e-6 * n * n);
  }
}

TEST_P(ReduceTest, OfNothing) {
  EXPECT_EQ(Reduce({}, Reduction::kSum), 0);
  EXPECT_EQ(Reduce({}, Reduction::kMax), -kInf);
  EXPECT_EQ(Reduce({}, Reduction::kMin), kInf);
  EXPECT_TRUE(std::isnan(Reduce({}, Reduction::kMean)));
}

TEST_P(ReduceTest, ANaNInAnyPlaceIsKept) {
  for (const Reduction operation : {Reduction::kSum, Reduction::kMax, Reduction::kMin, Reduction::kStd}) {
    for (size_t at = 0; at < 67; ++at) {
      std::vector<float> row(67, 1.0f);
      row[at] = std::nanf("");
      EXPECT_TRUE(std::isnan(Reduce(row, operation))) << at;
    }
  }
}

TEST_P(ReduceTest, ALongRowIsAsExactAsAShortOne) {
  // In one chain a lane the sum is 11 units of the last place off, in pairs of blocks 0.3.
  std::vector<float> row;
  double want = 0;
  uint32_t state = 1;
  for (int i = 0; i < 3'000'000; ++i) {
    state = state * 1664525 + 1013904223;
    row.push_back(static_cast<float>(state >> 8) * 0x1p-24f);
    want += row.back();
  }
  EXPECT_NEAR(Reduce(row, Reduction::kSum) / want, 1, 4 * 0x1p-24);
  EXPECT_NEAR(Reduce(row, Reduction::kMean) / (want / static_cast<double>(row.size())), 1, 4 * 0x1p-24);
}

TEST_P(ReduceTest, ALargeMeanDoesNotDrownTheVariance) {
  std::vector<float> row;
  for (int i = 0; i < 3000; ++i) row.push_back(16'000'000 + static_cast<float>(i % 3));
  EXPECT_EQ(Reduce(row, Reduction::kVar, 0), static_cast<float>(2.0 / 3));
  EXPECT_EQ(Reduce(row, Reduction::kStd, 0), static_cast<float>(std::sqrt(2.0 / 3)));
}

INSTANTIATE_TEST_SUITE_P(Rows, ReduceTest, testing::Values("simd", "ref"), [](const auto& info) { return info.param; });

TEST(Reduce, TheGradientIsTheSlope) { EXPECT_EQ(CheckSlopes(ops::reduce::kOps[0], ops::reduce::kOps[1]), ""); }

}  // namespace
}  // namespace strata
