#include "kernels/ops/matmul/matmul.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>

#include "kernels/base/cpu_features.h"
#include "kernels/dot/dot_test_util.h"
#include "kernels/simd/targets.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

OwnedCall MakeMatmul(int64_t batch, int64_t m, int64_t k, int64_t n, DType dtype = DType::kF32) {
  OwnedCall sample(kMatmul);
  const std::initializer_list<int64_t> sizes[2] = {{batch, m, k}, {batch, k, n}};
  for (size_t i = 0; i < 2; ++i) {
    TensorView& view = sample.call.inputs[i];
    view.dtype = dtype;
    view.SetSizes(sizes[i]);
    sample.Allocate(view, static_cast<int>(i));
    for (int64_t e = 0; e < view.numel(); ++e) {
      const float value = std::sin(0.7f * static_cast<float>(e)) + 0.1f;
      if (dtype == DType::kF32) view.Out<float>()[e] = value;
      if (dtype == DType::kBF16) view.Out<BF16>()[e] = ToBF16(value);
    }
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

// The same numbers in memory where k runs the other way.
void Transpose(OwnedCall& sample, int input) {
  TensorView& view = sample.call.inputs[static_cast<size_t>(input)];
  const TensorView from = view;
  sample.Allocate(view, 0);
  std::swap(view.strides[1], view.strides[2]);
  view.strides[1] = 1, view.strides[2] = view.size(1);
  for (int64_t e = 0; e < view.numel(); ++e) {
    const int64_t row = e / view.size(2) % view.size(1), column = e % view.size(2);
    const int64_t at = e - row * view.size(2) - column + row + column * view.size(1);
    if (view.dtype == DType::kF32) view.Out<float>()[at] = from.In<float>()[e];
    if (view.dtype == DType::kBF16) view.Out<BF16>()[at] = from.In<BF16>()[e];
  }
}

TEST(MatmulTest, TransposedAndSharedOperandsHaveTheBitsOfCopies) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const auto& [batch, m, k, n] : {std::array<int64_t, 4>{3, 1, 70, 40}, {2, 37, 300, 33}, {9, 30, 65, 70}}) {
      const OwnedCall plain = MakeMatmul(batch, m, k, n, dtype);
      const Outputs want = RunSample(ops::matmul::kOps[0], plain);
      for (int turned = 1; turned < 4; ++turned) {
        OwnedCall sample = MakeMatmul(batch, m, k, n, dtype);
        if (turned & 1) Transpose(sample, 0);
        if (turned & 2) Transpose(sample, 1);
        const Outputs got = RunSample(ops::matmul::kOps[0], sample, {.threads = 2});
        EXPECT_EQ(DifferentBits(got.views[0], want.views[0]), "") << turned;
      }
      // The first matrix of b for the whole batch: one product of all rows, which must have the bits of many.
      OwnedCall shared = MakeMatmul(batch, m, k, n, dtype), copied = MakeMatmul(batch, m, k, n, dtype);
      shared.call.inputs[1].strides[0] = 0;
      const size_t bytes = static_cast<size_t>(k * n) * SizeOf(dtype);
      auto* b = static_cast<std::byte*>(copied.call.inputs[1].data);
      for (int64_t p = 1; p < batch; ++p) std::memcpy(b + static_cast<size_t>(p) * bytes, b, bytes);
      EXPECT_EQ(DifferentBits(RunSample(ops::matmul::kOps[0], shared).views[0],
                              RunSample(ops::matmul::kOps[0], copied).views[0]),
                "");
    }
  }
}

TEST(MatmulTest, Bf16DotAddsPairsInOrder) {
  if (!Cpu().avx512_bf16 || !Cpu().fast_bf16_dot) GTEST_SKIP() << "no fast vdpbf16ps here";
  for (const auto& [batch, m, k, n] : {std::array<int64_t, 4>{3, 1, 70, 40}, {2, 37, 2100, 33}, {9, 30, 65, 70}}) {
    const OwnedCall sample = MakeMatmul(batch, m, k, n, DType::kBF16);
    const Outputs got = RunSample(ops::matmul::kOps[0], sample, {.row = "bf16_dot", .threads = 2});
    const BF16 *a = sample.call.inputs[0].In<BF16>(), *b = sample.call.inputs[1].In<BF16>();
    for (int64_t i = 0; i < batch * m * n; ++i) {
      const int64_t p = i / (m * n), row = i / n % m, column = i % n;
      const float sum = SumBf16Dot(
          k, [&](int64_t l) { return a[(p * m + row) * k + l]; },
          [&](int64_t l) { return b[(p * k + l) * n + column]; });
      ASSERT_EQ(ToFloat(got.views[0].In<BF16>()[i]), ToFloat(ToBF16(sum))) << i;
    }
  }
}

TEST(MatmulTest, TheGradientIsTheSlope) { EXPECT_EQ(CheckSlopes(ops::matmul::kOps[0], ops::matmul::kOps[1]), ""); }

}  // namespace
}  // namespace strata
