// What is special to reduce_outer; agreement with the reference, bits and batches are
// kernels/testing/conformance_test.cc.
#include "kernels/ops/reduce_outer/reduce_outer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

constexpr int64_t kRows = 600, kColumns = 67;  // more rows than a block of the sum has, a part of a vector

// Small whole numbers: every order of their sum is exact.
float Element(int64_t row, int64_t column) { return static_cast<float>((row * 31 + column * 17) % 23 - 11); }

std::vector<float> Reduced(std::vector<float>& x, Reduction operation) {
  OwnedCall sample(kReduceOuter);
  sample.call.inputs[0] = MakeView(x.data(), DType::kF32, {1, kRows, kColumns});
  sample.call.attrs[0].i = static_cast<int64_t>(operation);
  sample.call.attrs[1].i = 1;
  const Outputs out = RunSample(ops::reduce_outer::kOps[0], sample);
  const auto* y = out.views[0].In<float>();
  return {y, y + kColumns};
}

TEST(ReduceOuter, WholeNumbersAddExactlyDownTheColumns) {
  std::vector<float> x, sum(kColumns, 0), squares(kColumns, 0), largest(kColumns, -100), smallest(kColumns, 100);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t c = 0; c < kColumns; ++c) {
      const float v = Element(r, c);
      const auto at = static_cast<size_t>(c);
      x.push_back(v);
      sum[at] += v;
      squares[at] += v * v;
      largest[at] = std::max(largest[at], v);
      smallest[at] = std::min(smallest[at], v);
    }
  }
  std::vector<float> mean = sum;
  for (float& v : mean) v /= static_cast<float>(kRows);
  EXPECT_EQ(Reduced(x, Reduction::kSum), sum);
  EXPECT_EQ(Reduced(x, Reduction::kMean), mean);
  EXPECT_EQ(Reduced(x, Reduction::kSumSquares), squares);
  EXPECT_EQ(Reduced(x, Reduction::kMax), largest);
  EXPECT_EQ(Reduced(x, Reduction::kMin), smallest);
}

TEST(ReduceOuter, ALargeMeanDoesNotDrownTheVariance) {
  std::vector<float> x;
  for (int64_t i = 0; i < kRows * kColumns; ++i) x.push_back(16'000'000 + static_cast<float>(i / kColumns % 3));
  // The squares of -1, 0 and 1 add up to two thirds of the rows; the divisor is one less than these.
  const auto want = static_cast<float>(2.0 / 3 * kRows / (kRows - 1));
  for (const float v : Reduced(x, Reduction::kVar)) EXPECT_EQ(v, want);
}

TEST(ReduceOuter, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::reduce_outer::kOps[0], ops::reduce_outer::kOps[1]), "");
}

}  // namespace
}  // namespace strata
