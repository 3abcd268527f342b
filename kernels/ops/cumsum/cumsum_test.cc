#include "kernels/ops/cumsum/cumsum.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/testing/float_call.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

TEST(Cumsum, WholeNumbersAddUpExactlyBothWays) {
  const auto there = FloatCall(ops::cumsum::kOps[0]).Arg({2, 3}, {1, 2, 3, -4, 5, 6}).Run();
  EXPECT_EQ(there[0], (std::vector<float>{1, 3, 6, -4, 1, 7}));
}

// In float32 2^24 + 1 + 1 stays 2^24; the chain is in float64 and every result is rounded by itself.
TEST(Cumsum, SmallTermsAreNotLost) {
  const auto out = FloatCall(ops::cumsum::kOps[0]).Arg({1, 4}, {0x1p24f, 1, 1, 1}).Run();
  EXPECT_EQ(out[0], (std::vector<float>{0x1p24f, 0x1p24f, 0x1p24f + 2, 0x1p24f + 4}));
}

TEST(Cumsum, IntegersWrapAround) {
  std::vector<int64_t> x = {std::numeric_limits<int64_t>::max(), 1, 5};
  OwnedCall sample(kCumsum);
  sample.call.inputs[0] = MakeView(x.data(), DType::kI64, {3});
  for (const bool reverse : {false, true}) {
    sample.call.attrs[0].i = reverse;
    const Outputs out = RunSample(ops::cumsum::kOps[0], sample);
    const auto* y = out.views[0].In<int64_t>();
    const int64_t least = std::numeric_limits<int64_t>::min();
    EXPECT_EQ(std::vector<int64_t>(y, y + 3),
              reverse ? (std::vector<int64_t>{least + 5, 6, 5}) : (std::vector<int64_t>{x[0], least, least + 5}));
  }
}

}  // namespace
}  // namespace strata
