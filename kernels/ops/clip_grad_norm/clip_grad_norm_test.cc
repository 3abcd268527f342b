// What is special to clip_grad_norm; the rest is kernels/testing/conformance_test.cc.
#include "kernels/ops/clip_grad_norm/clip_grad_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/simd/tensor_chunks.h"
#include "kernels/testing/conformance.h"

namespace strata {
namespace {

const OpDef& kOp = ops::clip_grad_norm::kOps[0];

OwnedCall Sample(std::vector<std::vector<float>>& grads, double max_norm) {
  OwnedCall sample(kClipGradNorm);
  for (auto& grad : grads) {
    sample.lists[0].push_back(MakeView(grad.data(), DType::kF32, {static_cast<int64_t>(grad.size())}));
  }
  sample.call.attrs[0].f = max_norm;
  return sample;
}

TEST(ClipGradNorm, ScalesToTheLimitAndGivesTheNormBefore) {
  std::vector<std::vector<float>> grads = {{3, 0}, {0, 4}};
  const Outputs out = RunSample(kOp, Sample(grads, 0.5));
  EXPECT_EQ(out.views[0].In<float>()[0], 5.0f);
  EXPECT_NEAR(out.views[1].In<float>()[0], 0.3f, 1e-6);
  EXPECT_NEAR(out.views[2].In<float>()[1], 0.4f, 1e-6);
}

TEST(ClipGradNorm, LeavesShortGradientsAlone) {
  std::vector<std::vector<float>> grads = {{0.1f, 0.2f}, {0.3f}};
  const Outputs out = RunSample(kOp, Sample(grads, 1));
  EXPECT_EQ(out.views[1].In<float>()[1], 0.2f);
  EXPECT_EQ(out.views[2].In<float>()[0], 0.3f);
}

TEST(ClipGradNorm, ANaNSpoilsAllGradients) {
  std::vector<std::vector<float>> grads = {{1, std::nanf("")}, {2}};
  const Outputs out = RunSample(kOp, Sample(grads, 1));
  EXPECT_TRUE(std::isnan(out.views[0].In<float>()[0]));
  EXPECT_TRUE(std::isnan(out.views[2].In<float>()[0]));
}

// Tensors of several chunks, on any number of threads.
TEST(ClipGradNorm, LargeTensorsGiveTheSameBitsOnEveryTargetAndAnyNumberOfThreads) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    OwnedCall sample(kClipGradNorm);
    std::mt19937_64 random(5);
    for (const int64_t size : {3 * kTensorChunk + 5, int64_t{100}, kTensorChunk, int64_t{0}}) {
      sample.lists[0].push_back(RandomTensor(sample, dtype, {size}, random));
    }
    sample.call.attrs[0].f = 3;
    EXPECT_EQ(CheckAll(kOp, sample), "") << NameOf(dtype);
  }
}

}  // namespace
}  // namespace strata
