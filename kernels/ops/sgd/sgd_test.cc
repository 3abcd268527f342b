// SGD: everything that conformance_test checks of other operators, with each of its attributes.
#include "kernels/ops/sgd/sgd.h"

#include <gtest/gtest.h>

#include "kernels/simd/tensor_chunks.h"
#include "kernels/testing/conformance.h"

namespace strata {
namespace {

const OpDef& kOp = ops::sgd::kOps[0];

OwnedCall Sample(DType dtype, DType state, int bits, bool specials = false) {
  OwnedCall sample(kSgd);
  std::mt19937_64 random(static_cast<uint64_t>(bits) + 1);
  for (const int64_t size : {int64_t{0}, int64_t{1}, int64_t{7}, int64_t{65}, kTensorChunk + 3, int64_t{130}}) {
    for (size_t list = 0; list < (bits & 1 ? 3u : 2u); ++list) {
      sample.lists[list].push_back(RandomTensor(sample, list < 2 ? dtype : state, {size}, random, specials));
    }
  }
  sample.call.attrs[0].f = 0.3;
  sample.call.attrs[1].f = bits & 1 ? 0.9 : 0;
  sample.call.attrs[2].f = bits & 2 ? 0.5 : 0;
  sample.call.attrs[3].f = bits & 4 ? 0.1 : 0;
  sample.call.attrs[4].i = (bits & 8) != 0;
  sample.call.attrs[5].i = (bits & 16) != 0;
  sample.call.attrs[6].i = (bits & 32) != 0;
  return sample;
}

TEST(Sgd, AgreesWithTheReferenceInTheSameBitsOnEveryTargetAndAnyNumberOfThreads) {
  constexpr DType kTypes[][2] = {{DType::kF32, DType::kF32},
                                 {DType::kF64, DType::kF64},
                                 {DType::kBF16, DType::kBF16},
                                 {DType::kBF16, DType::kF32}};
  for (const auto& [param, state] : kTypes) {
    for (const int bits : {0, 1, 4, 5, 11, 13, 21, 37, 45, 63}) {
      EXPECT_EQ(CheckAll(kOp, Sample(param, state, bits)), "") << NameOf(param) << NameOf(state) << bits;
      EXPECT_EQ(CheckTargets(kOp, Sample(param, state, bits, /*specials=*/true)), "") << NameOf(param) << bits;
    }
  }
}

TEST(Sgd, AFirstStepSetsTheBuffer) {
  float p = 1, g = 0.5f, b = 1000;
  OwnedCall sample(kSgd);
  sample.lists[0] = {MakeView(&p, DType::kF32, {1})};
  sample.lists[1] = {MakeView(&g, DType::kF32, {1})};
  sample.lists[2] = {MakeView(&b, DType::kF32, {1})};
  sample.call.attrs[0].f = 0.5;
  sample.call.attrs[1].f = 0.9;
  sample.call.attrs[6].i = 1;
  const Outputs out = RunSample(kOp, sample);
  EXPECT_EQ(out.views[0].In<float>()[0], 0.75f);
  EXPECT_EQ(out.views[1].In<float>()[0], 0.5f);
}

}  // namespace
}  // namespace strata
