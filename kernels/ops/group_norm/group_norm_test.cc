// What is special to group_norm; agreement with the reference, bits and batches are
// kernels/testing/conformance_test.cc.
#include "kernels/ops/group_norm/group_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing/float_call.h"

namespace strata {
namespace {

constexpr int64_t kBatch = 2, kChannels = 6, kGroups = 3;

// Of [kBatch, kChannels, places], weight 1 and bias 0.
std::vector<std::vector<float>> Normalized(const std::vector<float>& x, int64_t places) {
  return FloatCall(ops::group_norm::kOps[0])
      .Arg({kBatch, kChannels, places}, x)
      .Arg({kChannels}, std::vector<float>(kChannels, 1))
      .Arg({kChannels}, std::vector<float>(kChannels, 0))
      .Set("groups", kGroups)
      .Set("eps", 0)
      .Run();
}

TEST(GroupNorm, GroupsHaveMeanZeroAndVarianceOne) {
  for (const int64_t places : {1, 7, 32, 65, 600}) {
    const int64_t size = kChannels / kGroups * places;
    const std::vector<float> y = Normalized(Uneven(static_cast<int>(kBatch * kChannels * places)), places)[0];
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

TEST(GroupNorm, ANaNStaysInItsGroup) {
  constexpr int64_t kPlaces = 9, kSize = kChannels / kGroups * kPlaces;
  std::vector<float> x = Uneven(kBatch * kChannels * kPlaces);
  const std::vector<float> clean = Normalized(x, kPlaces)[0];
  x[kSize + 4] = std::nanf("");
  const std::vector<float> y = Normalized(x, kPlaces)[0];
  for (size_t i = 0; i < y.size(); ++i) {
    if (i / kSize == 1)
      EXPECT_TRUE(std::isnan(y[i])) << i;
    else
      EXPECT_EQ(y[i], clean[i]) << i;
  }
}

}  // namespace
}  // namespace strata
