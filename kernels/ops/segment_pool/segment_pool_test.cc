// What is special to segment_pool; agreement with the reference, bits and batches are
// kernels/testing/conformance_test.cc.
#include "kernels/ops/segment_pool/segment_pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

const float kNaN = std::nanf("");

struct Pooling {
  PoolMode mode;
  std::vector<float> x;  // [N, 1]
  std::vector<int64_t> offsets;
  std::string row = "simd";

  std::vector<float> Run(const OpDef& op, std::vector<float> grad = {}) {
    OwnedCall sample(*op.schema);
    size_t at = 0;
    if (op.schema == &kSegmentPoolBackward) {
      sample.call.inputs[at++] = MakeView(grad.data(), DType::kF32, {static_cast<int64_t>(grad.size()), 1});
    }
    sample.call.inputs[at++] = MakeView(x.data(), DType::kF32, {static_cast<int64_t>(x.size()), 1});
    sample.call.inputs[at] = MakeView(offsets.data(), DType::kI64, {static_cast<int64_t>(offsets.size())});
    sample.call.attrs[0].i = static_cast<int64_t>(mode);
    const Outputs out = RunSample(op, sample, {.row = row});
    const auto* y = out.views[0].In<float>();
    return {y, y + out.views[0].numel()};
  }
  std::vector<float> Forward() { return Run(ops::segment_pool::kOps[0]); }
  std::vector<float> Backward(std::vector<float> grad) { return Run(ops::segment_pool::kOps[1], std::move(grad)); }
};

class SegmentPoolTest : public testing::TestWithParam<std::string> {};

TEST_P(SegmentPoolTest, AnEmptySegmentGivesZerosInEveryMode) {
  for (const PoolMode mode : {PoolMode::kMean, PoolMode::kSum, PoolMode::kMax, PoolMode::kFirst}) {
    Pooling pool{mode, {-4, -4}, {0, 0, 2, 2}, GetParam()};
    EXPECT_EQ(pool.Forward(), (std::vector<float>{0, mode == PoolMode::kSum ? -8.0f : -4.0f, 0}));
  }
}

TEST_P(SegmentPoolTest, NoSegments) {
  Pooling pool{PoolMode::kMean, {}, {0}, GetParam()};
  EXPECT_TRUE(pool.Forward().empty());
  EXPECT_TRUE(pool.Backward({}).empty());
}

TEST_P(SegmentPoolTest, TiedMaximaGiveTheGradientToTheFirst) {
  Pooling pool{PoolMode::kMax, {1, 7, 7, 2, -0.0f, 0.0f}, {0, 4, 6}, GetParam()};
  EXPECT_EQ(pool.Backward({10, 20}), (std::vector<float>{0, 10, 0, 0, 20, 0}));
}

TEST_P(SegmentPoolTest, AMaximumWithANaNIsNaNAndItsGradientGoesThere) {
  Pooling pool{PoolMode::kMax, {1, kNaN, 7, kNaN}, {0, 4}, GetParam()};
  EXPECT_TRUE(std::isnan(pool.Forward()[0]));
  EXPECT_EQ(pool.Backward({5}), (std::vector<float>{0, 5, 0, 0}));
}

INSTANTIATE_TEST_SUITE_P(Rows, SegmentPoolTest, testing::Values("simd", "ref"),
                         [](const auto& info) { return info.param; });

TEST(SegmentPool, RefusesOffsetsThatDoNotCoverTheRows) {
  std::vector<float> x(5);
  const auto message = [&](std::vector<int32_t> offsets) {
    OwnedCall sample(kSegmentPool);
    sample.call.inputs[0] = MakeView(x.data(), DType::kF32, {5, 1});
    sample.call.inputs[1] = MakeView(offsets.data(), DType::kI32, {static_cast<int64_t>(offsets.size())});
    Outputs out;
    return TrySample(ops::segment_pool::kOps[0], sample, {}, &out).message();
  };
  EXPECT_EQ(message({0, 4}), "strata::segment_pool: cu_seqlens has 4 at position 1, wanted 5, the end of the last run");
  EXPECT_EQ(message({1, 5}),
            "strata::segment_pool: cu_seqlens has 1 at position 0, wanted 0, the start of the first run");
  EXPECT_EQ(message({0, 3, 2, 5}), "strata::segment_pool: cu_seqlens has 2 at position 2, wanted at least 3");
}

TEST(SegmentPool, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::segment_pool::kOps[0], ops::segment_pool::kOps[1]), "");
}

}  // namespace
}  // namespace strata
