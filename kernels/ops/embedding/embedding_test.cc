// What is special to embedding; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/embedding/embedding.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/testing/float_call.h"
#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

constexpr int64_t kRows = 6, kWidth = 20;

TEST(Embedding, RefusesAnIdOutsideTheTable) {
  std::vector<float> weight(kRows * kWidth);
  for (const int64_t bad : {int64_t{-1}, kRows}) {
    std::vector<int64_t> ids = {0, 5, bad};
    OwnedCall sample(kEmbedding);
    sample.call.inputs[0] = MakeView(weight.data(), DType::kF32, {kRows, kWidth});
    sample.call.inputs[1] = MakeView(ids.data(), DType::kI64, {3});
    Outputs out;
    const Status status = TrySample(ops::embedding::kOps[0], sample, {}, &out);
    EXPECT_EQ(status.message(), "strata::embedding: ids has " + std::to_string(bad) +
                                    " at position 2, wanted an index from 0 to 5 (the size of V is 6)");
  }
}

// Adds in the order of the places, in float32: any other order gives other bits with these values.
TEST(EmbeddingBackward, AddsTheRowsOfAnIdInTheirOrder) {
  const std::vector<int32_t> ids = {4, 1, 4, 0, 4, 1, 4};
  std::vector<float> grad, weight(kRows * kWidth), want(kRows * kWidth, 0.0f);
  for (size_t n = 0; n < ids.size(); ++n) {
    for (int64_t d = 0; d < kWidth; ++d) {
      grad.push_back((n % 2 ? -1.0f : 1.0f) * (1.0f + 0.37f * static_cast<float>(d)) * (n == 2 ? 1e7f : 1.0f / 3));
      want[static_cast<size_t>(ids[n] * kWidth + d)] += grad.back();
    }
  }
  OwnedCall sample(kEmbeddingBackward);
  sample.call.inputs[0] = MakeView(grad.data(), DType::kF32, {7, kWidth});
  sample.call.inputs[1] = MakeView(weight.data(), DType::kF32, {kRows, kWidth});
  std::vector<int32_t> mutable_ids = ids;
  sample.call.inputs[2] = MakeView(mutable_ids.data(), DType::kI32, {7});
  for (const int threads : {1, 3}) {
    const Outputs out = RunSample(ops::embedding::kOps[1], sample, {.threads = threads});
    const auto* got = out.views[0].In<float>();
    EXPECT_EQ(std::vector<float>(got, got + want.size()), want) << threads;
  }
}

// Added up in bfloat16 it would stop at 256: the sum is kept in float32 and rounded once.
TEST(EmbeddingBackward, AFrequentIdKeepsItsGradient) {
  constexpr int64_t kPlaces = 1 << 17;
  std::vector<BF16> grad(kPlaces, ToBF16(1.0f)), weight(2);
  std::vector<int64_t> ids(kPlaces, 1);
  OwnedCall sample(kEmbeddingBackward);
  sample.call.inputs[0] = MakeView(grad.data(), DType::kBF16, {kPlaces, 1});
  sample.call.inputs[1] = MakeView(weight.data(), DType::kBF16, {2, 1});
  sample.call.inputs[2] = MakeView(ids.data(), DType::kI64, {kPlaces});
  const Outputs out = RunSample(ops::embedding::kOps[1], sample);
  EXPECT_EQ(ToFloat(out.views[0].In<BF16>()[0]), 0);
  EXPECT_EQ(ToFloat(out.views[0].In<BF16>()[1]), static_cast<float>(kPlaces));
}

TEST(EmbeddingBackward, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::embedding::kOps[0], ops::embedding::kOps[1]), "");
}

TEST(Embedding, EveryIdGetsItsRow) {
  std::vector<float> weight = Uneven(kRows * kWidth);
  std::vector<int32_t> ids = {5, 0, 3, 3, 1};
  OwnedCall sample(kEmbedding);
  sample.call.inputs[0] = MakeView(weight.data(), DType::kF32, {kRows, kWidth});
  sample.call.inputs[1] = MakeView(ids.data(), DType::kI32, {5});
  const Outputs out = RunSample(ops::embedding::kOps[0], sample);
  for (int64_t i = 0; i < 5 * kWidth; ++i) {
    const int64_t from = ids[static_cast<size_t>(i / kWidth)] * kWidth + i % kWidth;
    EXPECT_EQ(out.views[0].In<float>()[i], weight[static_cast<size_t>(from)]) << i;
  }
}

}  // namespace
}  // namespace strata
