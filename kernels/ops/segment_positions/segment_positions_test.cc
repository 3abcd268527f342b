// What is special to segment_positions; the rest is kernels/testing/conformance_test.cc.
#include "kernels/ops/segment_positions/segment_positions.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/testing/run.h"

namespace strata {
namespace {

TEST(SegmentPositions, CountsFromZeroInEverySegmentAndSkipsEmptyOnes) {
  std::vector<int32_t> like(6, 99);
  std::vector<int64_t> offsets = {0, 0, 2, 2, 2, 5, 6, 6};
  OwnedCall sample(kSegmentPositions);
  sample.call.inputs[0] = MakeView(like.data(), DType::kI32, {6});
  sample.call.inputs[1] = MakeView(offsets.data(), DType::kI64, {8});
  for (const std::string_view row : {"simd", "ref"}) {
    const Outputs out = RunSample(ops::segment_positions::kOps[0], sample, {.row = row});
    ASSERT_EQ(out.views[0].dtype, DType::kI32);
    const auto* got = out.views[0].In<int32_t>();
    EXPECT_EQ(std::vector<int32_t>(got, got + 6), (std::vector<int32_t>{0, 1, 0, 1, 2, 0}));
  }
}

}  // namespace
}  // namespace strata
