#include "kernels/ops/gather/gather.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/testing/run.h"

namespace strata {
namespace {

// Picking by a permutation and then by its inverse gives back every element, whatever its bits.
TEST(Gather, APermutationIsUndoneByItsInverse) {
  constexpr int64_t kRows = 7, kWidth = 97;
  std::vector<int64_t> there(kRows * kWidth), back(there.size());
  std::vector<uint64_t> values(there.size());
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t c = 0; c < kWidth; ++c) {
      const int64_t to = (c * (r + 3) + r) % kWidth;  // 97 is prime
      there[static_cast<size_t>(r * kWidth + c)] = to;
      back[static_cast<size_t>(r * kWidth + to)] = c;
      values[static_cast<size_t>(r * kWidth + c)] = 0x7ff0000000000001u + static_cast<uint64_t>(r * kWidth + c);
    }
  }
  const auto pick = [](std::vector<uint64_t> from, std::vector<int64_t> index) {
    OwnedCall sample(kGather);
    sample.call.inputs[0] = MakeView(from.data(), DType::kF64, {kRows, kWidth});
    sample.call.inputs[1] = MakeView(index.data(), DType::kI64, {kRows, kWidth});
    const Outputs out = RunSample(ops::gather::kOps[0], sample, {.threads = 3});
    const auto* got = static_cast<const uint64_t*>(out.views[0].data);
    return std::vector<uint64_t>(got, got + from.size());
  };
  const std::vector<uint64_t> turned = pick(values, there);
  EXPECT_NE(turned, values);
  EXPECT_EQ(pick(turned, back), values);
}

TEST(Gather, RefusesANumberOutsideTheRow) {
  std::vector<float> x(6);
  std::vector<int32_t> index = {0, 2, -1, 1};
  OwnedCall sample(kGather);
  sample.call.inputs[0] = MakeView(x.data(), DType::kF32, {2, 3});
  sample.call.inputs[1] = MakeView(index.data(), DType::kI32, {2, 2});
  Outputs out;
  EXPECT_EQ(TrySample(ops::gather::kOps[0], sample, {}, &out).message(),
            "strata::gather: index has -1 at position 2, wanted an index from 0 to 2 (the size of R is 3)");
}

// Added up in bfloat16 it would stop at 256.
TEST(GatherBackward, AFrequentPlaceKeepsItsGradient) {
  constexpr int64_t kPicked = 4096;
  std::vector<BF16> grad(kPicked, ToBF16(1.0f)), x(3);
  std::vector<int64_t> index(kPicked, 2);
  OwnedCall sample(kGatherBackward);
  sample.call.inputs[0] = MakeView(grad.data(), DType::kBF16, {1, kPicked});
  sample.call.inputs[1] = MakeView(x.data(), DType::kBF16, {1, 3});
  sample.call.inputs[2] = MakeView(index.data(), DType::kI64, {1, kPicked});
  const Outputs out = RunSample(ops::gather::kOps[1], sample);
  EXPECT_EQ(ToFloat(out.views[0].In<BF16>()[1]), 0);
  EXPECT_EQ(ToFloat(out.views[0].In<BF16>()[2]), static_cast<float>(kPicked));
}

}  // namespace
}  // namespace strata
