// What is special to add_group_norm. Its bits are those of an addition and group_norm (add_group_norm_test.py), whose
// other properties it so has.
#include "kernels/ops/add_group_norm/add_group_norm.h"

#include <gtest/gtest.h>

#include "kernels/testing/float_call.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

constexpr int64_t kBatch = 2, kChannels = 6, kGroups = 3;

// Of [kBatch, kChannels, places] and a residual of 7.5, weight 1 and bias 0.
std::vector<std::vector<float>> Normalized(const std::vector<float>& x, int64_t places) {
  return FloatCall(ops::add_group_norm::kOps[0])
      .Arg({kBatch, kChannels, places}, x)
      .Arg({kBatch, kChannels, places}, std::vector<float>(x.size(), 7.5f))
      .Arg({kChannels}, std::vector<float>(kChannels, 1))
      .Arg({kChannels}, std::vector<float>(kChannels, 0))
      .Set("groups", kGroups)
      .Set("eps", 0)
      .Run();
}

TEST(AddGroupNorm, GroupsOfTheSumHaveMeanZeroAndVarianceOne) {
  for (const int64_t places : {1, 7, 32, 65, 600}) {
    const int64_t size = kChannels / kGroups * places;
    const std::vector<float> x = Uneven(static_cast<int>(kBatch * kChannels * places));
    const auto out = Normalized(x, places);
    const std::vector<float>& y = out[0];
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(out[1][i], x[i] + 7.5f) << "the sum is exact";
    for (int64_t group = 0; group < kBatch * kGroups; ++group) {
      double total = 0, squares = 0;
      for (int64_t i = group * size; i < (group + 1) * size; ++i) {
        const double v = y[static_cast<size_t>(i)];
        total += v, squares += v * v;
      }
      EXPECT_NEAR(total / static_cast<double>(size), 0, 2e-6) << places;
      EXPECT_NEAR(squares / static_cast<double>(size), 1, 1e-5) << places;
    }
  }
}

TEST(AddGroupNorm, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::add_group_norm::kOps[0], ops::add_group_norm::kOps[1]), "");
}

TEST(AddGroupNorm, WeightAndBiasAreOfTheirChannelAndSiluComesLast) {
  const std::vector<float> weight = {2, -3, 0.5f, 7, 1, -0.25f}, bias = {1, 0, -7, 3, 0.5f, 2};
  for (const int64_t places : {1, 9, 67}) {
    const std::vector<float> x = Uneven(static_cast<int>(kBatch * kChannels * places));
    const std::vector<float> normal = Normalized(x, places)[0];
    for (const bool silu : {false, true}) {
      const std::vector<float> y = FloatCall(ops::add_group_norm::kOps[0])
                                       .Arg({kBatch, kChannels, places}, x)
                                       .Arg({kBatch, kChannels, places}, std::vector<float>(x.size(), 7.5f))
                                       .Arg({kChannels}, weight)
                                       .Arg({kChannels}, bias)
                                       .Set("groups", kGroups)
                                       .Set("eps", 0)
                                       .Set("activation", silu)
                                       .Run()[0];
      for (size_t i = 0; i < y.size(); ++i) {
        const size_t channel = i / static_cast<size_t>(places) % kChannels;
        const double z = std::fma(normal[i], weight[channel], bias[channel]);
        EXPECT_NEAR(y[i], silu ? z / (1 + std::exp(-z)) : z, silu ? 1e-6 * std::fabs(z) : 0) << i << " of " << places;
      }
    }
  }
}

TEST(AddGroupNorm, AConstantGroupIsItsBias) {  // eps keeps it from 0 / 0
  const std::vector<float> y = FloatCall(ops::add_group_norm::kOps[0])
                                   .Arg({1, 4, 9}, std::vector<float>(36, 2.5f))
                                   .Arg({1, 4, 9}, std::vector<float>(36, -1.25f))
                                   .Arg({4}, {3, 3, 3, 3})
                                   .Arg({4}, {0, 1, -2, 7})
                                   .Set("groups", 2)
                                   .Run()[0];
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], (std::vector<float>{0, 1, -2, 7}[i / 9])) << i;
}

}  // namespace
}  // namespace strata
