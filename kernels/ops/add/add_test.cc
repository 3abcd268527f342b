// What is special to add; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/add/add.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/testing/run.h"

namespace strata {
namespace {

std::vector<float> Sum(std::vector<float> x, std::vector<float> y) {
  OwnedCall sample(kAdd);
  sample.call.inputs[0] = MakeView(x.data(), DType::kF32, {static_cast<int64_t>(x.size())});
  sample.call.inputs[1] = MakeView(y.data(), DType::kF32, {static_cast<int64_t>(y.size())});
  const Outputs out = RunSample(ops::add::kOps[0], sample);
  const auto* z = out.views[0].In<float>();
  return {z, z + x.size()};
}

TEST(Add, IsTheProcessorsOwnSumInEitherOrder) {
  constexpr float kMax = std::numeric_limits<float>::max(), kTiny = std::numeric_limits<float>::denorm_min();
  std::vector<float> x, y, want;
  for (int i = 0; i < 67; ++i) {
    x.push_back(i % 5 == 0 ? kMax : std::ldexp(1.0f + static_cast<float>(i) * 0.01f, i % 40 - 20));
    y.push_back(i % 7 == 0 ? kTiny : std::ldexp(-1.0f - static_cast<float>(i) * 0.03f, i % 30 - 15));
    want.push_back(x.back() + y.back());
  }
  EXPECT_EQ(Sum(x, y), want);
  EXPECT_EQ(Sum(y, x), want);
}

TEST(Add, OppositeInfinitiesAndZeros) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const std::vector<float> z = Sum({kInf, -0.0f, 0.0f}, {-kInf, -0.0f, -0.0f});
  EXPECT_TRUE(std::isnan(z[0]));
  EXPECT_TRUE(z[1] == 0 && std::signbit(z[1]));
  EXPECT_TRUE(z[2] == 0 && !std::signbit(z[2]));
}

}  // namespace
}  // namespace strata
