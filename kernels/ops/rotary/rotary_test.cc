// What is special to rotary; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/rotary/rotary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/testing/run.h"

namespace strata {
namespace {

constexpr int64_t kTokens = 5, kHeads = 2, kWidth = 44, kAngles = 19, kPositions = 7;

struct Case {
  std::vector<double> x, cos, sin;
  std::vector<float> x32, cos32, sin32;
  std::vector<int32_t> positions = {0, 6, 3, 0, 5};

  Case() {
    for (int i = 0; i < kTokens * kHeads * kWidth; ++i) x.push_back(std::sin(1 + 0.7 * i) * (1 + i % 5));
    for (int p = 0; p < kPositions; ++p) {
      for (int i = 0; i < kAngles; ++i) {
        const double turn = p * std::pow(10000.0, -i / 19.0);
        cos.push_back(std::cos(turn)), sin.push_back(std::sin(turn));
      }
    }
    x32.assign(x.begin(), x.end()), cos32.assign(cos.begin(), cos.end()), sin32.assign(sin.begin(), sin.end());
  }
  Outputs Run(int op, std::vector<float>& values, RotaryPairs pairs) {
    OwnedCall sample(*ops::rotary::kOps[static_cast<size_t>(op)].schema);
    sample.call.inputs[0] = MakeView(values.data(), DType::kF32, {kTokens, kHeads, kWidth});
    sample.call.inputs[1] = MakeView(cos32.data(), DType::kF32, {kPositions, kAngles});
    sample.call.inputs[2] = MakeView(sin32.data(), DType::kF32, {kPositions, kAngles});
    sample.call.inputs[3] = MakeView(positions.data(), DType::kI32, {kTokens});
    sample.call.attrs[0].i = static_cast<int64_t>(pairs);
    return RunSample(ops::rotary::kOps[static_cast<size_t>(op)], sample);
  }
};

// One multiplication, then one fused multiply-add, whichever pairs: the definition, in scalar code.
TEST(Rotary, IsOneProductAndOneFusedMultiplyAdd) {
  for (const RotaryPairs pairs : {RotaryPairs::kHalf, RotaryPairs::kInterleaved}) {
    Case c;
    const Outputs out = c.Run(0, c.x32, pairs);
    const auto* y = out.views[0].In<float>();
    for (int64_t head = 0; head < kTokens * kHeads; ++head) {
      const int64_t start = head * kWidth, row = c.positions[static_cast<size_t>(head / kHeads)] * kAngles;
      for (int64_t i = 0; i < kAngles; ++i) {
        const bool half = pairs == RotaryPairs::kHalf;
        const auto a = static_cast<size_t>(start + (half ? i : 2 * i)), b = a + static_cast<size_t>(half ? kAngles : 1);
        const float cos = c.cos32[static_cast<size_t>(row + i)], sin = c.sin32[static_cast<size_t>(row + i)];
        ASSERT_EQ(y[a], std::fma(-c.x32[b], sin, c.x32[a] * cos)) << head << " " << i;
        ASSERT_EQ(y[b], std::fma(c.x32[a], sin, c.x32[b] * cos)) << head << " " << i;
      }
      for (auto i = static_cast<size_t>(start + 2 * kAngles); i < static_cast<size_t>(start + kWidth); ++i) {
        ASSERT_EQ(y[i], c.x32[i]);
      }
    }
  }
}

TEST(Rotary, BackwardTurnsBack) {
  for (const RotaryPairs pairs : {RotaryPairs::kHalf, RotaryPairs::kInterleaved}) {
    Case c;
    const Outputs there = c.Run(0, c.x32, pairs);
    std::vector<float> turned(there.views[0].In<float>(), there.views[0].In<float>() + c.x32.size());
    const Outputs back = c.Run(1, turned, pairs);
    for (size_t i = 0; i < c.x32.size(); ++i) EXPECT_NEAR(back.views[0].In<float>()[i], c.x32[i], 2e-6);
    EXPECT_NE(turned[kWidth * kHeads], c.x32[kWidth * kHeads]);  // position 6 turned something
  }
}

// float64 tables under float32 and bfloat16 tensors are rounded to float32; float32 tables under float64 are exact.
TEST(Rotary, TablesMayBeWiderOrNarrowerThanTheTensor) {
  for (const RotaryPairs pairs : {RotaryPairs::kHalf, RotaryPairs::kInterleaved}) {
    Case c;
    const Outputs want = c.Run(0, c.x32, pairs);
    OwnedCall sample(kRotary);
    sample.call.inputs[0] = MakeView(c.x32.data(), DType::kF32, {kTokens, kHeads, kWidth});
    sample.call.inputs[1] = MakeView(c.cos.data(), DType::kF64, {kPositions, kAngles});
    sample.call.inputs[2] = MakeView(c.sin.data(), DType::kF64, {kPositions, kAngles});
    sample.call.inputs[3] = MakeView(c.positions.data(), DType::kI32, {kTokens});
    sample.call.attrs[0].i = static_cast<int64_t>(pairs);
    const Outputs wide_tables = RunSample(ops::rotary::kOps[0], sample);
    EXPECT_EQ(wide_tables.memory, want.memory);
    sample.call.inputs[0] = MakeView(c.x.data(), DType::kF64, {kTokens, kHeads, kWidth});
    const Outputs exact = RunSample(ops::rotary::kOps[0], sample),
                  reference = RunSample(ops::rotary::kOps[0], sample, {.row = "ref"});
    for (size_t i = 0; i < c.x.size(); ++i) {
      EXPECT_NEAR(exact.views[0].In<double>()[i], reference.views[0].In<double>()[i], 1e-14);
    }
  }
}

TEST(Rotary, RefusesTablesWiderThanAHead) {
  float x[4] = {}, table[6] = {};
  int64_t position = 0;
  OwnedCall sample(kRotary);
  sample.call.inputs[0] = MakeView(x, DType::kF32, {1, 1, 4});
  sample.call.inputs[1] = sample.call.inputs[2] = MakeView(table, DType::kF32, {2, 3});
  sample.call.inputs[3] = MakeView(&position, DType::kI64, {1});
  Outputs out;
  EXPECT_EQ(TrySample(ops::rotary::kOps[0], sample, {}, &out).message(),
            "strata::rotary: D is 4, wanted at least 2*F = 6");
}

}  // namespace
}  // namespace strata
