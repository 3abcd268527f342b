#include "kernels/ops/matmul/matmul.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/targets.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

OwnedCall MakeMatmul(int64_t batch, int64_t m, int64_t k, int64_t n) {
  OwnedCall sample(kMatmul);
  const std::initializer_list<int64_t> sizes[2] = {{batch, m, k}, {batch, k, n}};
  for (size_t i = 0; i < 2; ++i) {
    TensorView& view = sample.call.inputs[i];
    view.dtype = DType::kF32;
    view.SetSizes(sizes[i]);
    sample.Allocate(view, static_cast<int>(i));
    for (int64_t e = 0; e < view.numel(); ++e) view.Out<float>()[e] = std::sin(0.7f * static_cast<float>(e)) + 0.1f;
  }
  return sample;
}

// The definition of linear's sums (docs/design/numerics.md), one operation at a time.
TEST(MatmulTest, EveryOutputIsOneChainInBlocksOf256) {
  if (!SimdSupported()) GTEST_SKIP() << "no SIMD target here";
  for (const auto& [batch, m, k, n] : {std::array<int64_t, 4>{3, 1, 300, 40}, {2, 7, 513, 33}, {9, 30, 900, 40}}) {
    const OwnedCall sample = MakeMatmul(batch, m, k, n);
    const Outputs got = RunSample(ops::matmul::kOps[0], sample, {.threads = 2});
    const float *a = sample.call.inputs[0].In<float>(), *b = sample.call.inputs[1].In<float>();
    for (int64_t i = 0; i < batch * m * n; ++i) {
      const int64_t p = i / (m * n), row = i / n % m, column = i % n;
      float total = 0;
      for (int64_t block = 0; block < k; block += 128) {
        float sum = 0;
        for (int64_t l = block; l < std::min(k, block + 128); ++l) {
          sum = std::fma(a[(p * m + row) * k + l], b[(p * k + l) * n + column], sum);
        }
        total = block == 0 ? sum : total + sum;
      }
      ASSERT_EQ(got.views[0].In<float>()[i], total) << i;
    }
  }
}

}  // namespace
}  // namespace strata
