// What is special to add_group_norm. Its bits are those of an addition and group_norm (add_group_norm_test.py), whose
// other properties it so has.
#include "kernels/ops/add_group_norm/add_group_norm.h"

#include <gtest/gtest.h>

#include "kernels/testing/float_call.h"

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

}  // namespace
}  // namespace strata
