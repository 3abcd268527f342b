#include "kernels/ops/attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/simd/targets.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

const OpDef& Forward() { return ops::attention::kOps[0]; }
const OpDef& Backward() { return ops::attention::kOps[1]; }

void Set(const TensorView& view, int64_t i, double value) {
  if (view.dtype == DType::kF32) view.Out<float>()[i] = static_cast<float>(value);
  if (view.dtype == DType::kF64) view.Out<double>()[i] = value;
  if (view.dtype == DType::kBF16) view.Out<BF16>()[i] = ToBF16(static_cast<float>(value));
}

// Runs of the given lengths; the tensors are slices of one [N, H, 3 D] (or 4 D) tensor, as a fused projection gives.
OwnedCall MakeAttention(const OpSchema& schema, DType dtype, std::vector<int64_t> lengths, int64_t heads, int64_t width,
                        bool causal) {
  OwnedCall sample(schema);
  const int tensors = schema.FindInput("cu_seqlens");
  int64_t rows = 0;
  for (int64_t length : lengths) rows += length;
  TensorView whole;
  whole.dtype = dtype;
  whole.SetSizes({rows, heads, tensors * width});
  sample.Allocate(whole, 1);
  std::mt19937_64 random(5);
  for (int64_t i = 0; i < whole.numel(); ++i) {
    Set(whole, i, static_cast<double>(random() >> 11) * 0x1p-51 - 2 + 0.01 * static_cast<double>(i % 13));
  }
  for (int t = 0; t < tensors; ++t) {
    TensorView& view = sample.call.inputs[static_cast<size_t>(t)];
    view = whole;
    view.sizes[2] = width;
    view.data = static_cast<std::byte*>(whole.data) + static_cast<size_t>(t * width) * SizeOf(dtype);
  }
  TensorView& offsets = sample.call.inputs[static_cast<size_t>(tensors)];
  offsets.dtype = DType::kI32;
  offsets.SetSizes({static_cast<int64_t>(lengths.size()) + 1});
  sample.Allocate(offsets, 0);
  offsets.Out<int32_t>()[0] = 0;
  for (size_t b = 0; b < lengths.size(); ++b) {
    offsets.Out<int32_t>()[b + 1] = offsets.Out<int32_t>()[b] + static_cast<int32_t>(lengths[b]);
  }
  sample.call.attrs[1].i = causal;
  return sample;
}

constexpr DType kDTypes[] = {DType::kF32, DType::kBF16, DType::kF64};

TEST(AttentionTest, RunsLongerThanABlockAgreeWithTheReference) {
  for (const DType dtype : kDTypes) {
    for (const bool causal : {false, true}) {
      const OwnedCall sample = MakeAttention(kAttention, dtype, {300, 0, 1, 17}, 2, 20, causal);
      const Outputs want = RunSample(Forward(), sample, {.row = "ref"});
      EXPECT_EQ(TooFar(sample, RunSample(Forward(), sample), want), "") << NameOf(dtype) << causal;
    }
  }
}

TEST(AttentionTest, ThreadsTargetsAndNeighboursChangeNoBit) {
  for (const DType dtype : kDTypes) {
    for (const bool causal : {false, true}) {
      const OwnedCall sample = MakeAttention(kAttention, dtype, {5, 530, 0, 64, 256}, 3, 40, causal);
      const Outputs want = RunSample(Forward(), sample);
      for (int threads : {2, 7}) {
        EXPECT_EQ(DifferentBits(kAttention, RunSample(Forward(), sample, {.threads = threads}), want), "") << threads;
      }
      for (const std::string& target : SimdTargets()) {
        EXPECT_EQ(DifferentBits(kAttention, RunSample(Forward(), sample, {.target = target}), want), "") << target;
      }
      // The last run alone.
      OwnedCall alone = MakeAttention(kAttention, dtype, {256}, 3, 40, causal);
      for (size_t t = 0; t < 3; ++t) {
        const TensorView& all = sample.call.inputs[t];
        TensorView& part = alone.call.inputs[t];
        part.data = static_cast<std::byte*>(all.data) + static_cast<size_t>(599 * all.stride(0)) * SizeOf(dtype);
      }
      TensorView last = want.views[0];
      last.SetSizes({256, 3, 40});
      last.data = static_cast<std::byte*>(last.data) + size_t{599 * 3 * 40} * SizeOf(dtype);
      EXPECT_EQ(DifferentBits(RunSample(Forward(), alone).views[0], last), "") << NameOf(dtype) << causal;
    }
  }
}

TEST(AttentionTest, EqualKeysGiveTheMeanOfTheValues) {
  const OwnedCall sample = MakeAttention(kAttention, DType::kF64, {70}, 1, 8, false);
  const TensorView &k = sample.call.inputs[1], &v = sample.call.inputs[2];
  for (int64_t i = 0; i < 70 * 8; ++i) Set(k, i / 8 * k.stride(0) + i % 8, 0.5);
  const Outputs got = RunSample(Forward(), sample);
  for (int64_t d = 0; d < 8; ++d) {
    double mean = 0;
    for (int64_t j = 0; j < 70; ++j) mean += v.In<double>()[j * v.stride(0) + d] / 70;
    for (int64_t i = 0; i < 70; ++i) EXPECT_NEAR(got.views[0].In<double>()[i * 8 + d], mean, 1e-14);
  }
}

TEST(AttentionTest, ANanStaysInItsRunAndBehindTheMask) {
  const OwnedCall sample = MakeAttention(kAttention, DType::kF32, {20, 300}, 1, 8, true);
  const Outputs clean = RunSample(Forward(), sample);
  const TensorView& v = sample.call.inputs[2];
  Set(v, (20 + 290) * v.stride(0), std::numeric_limits<double>::quiet_NaN());
  const TensorView& k = sample.call.inputs[1];
  Set(k, 7 * k.stride(0), std::numeric_limits<double>::quiet_NaN());
  const Outputs got = RunSample(Forward(), sample);
  for (int64_t i = 0; i < 320 * 8; ++i) {
    const float y = got.views[0].In<float>()[i];
    const bool hit = (i / 8 >= 310 && i % 8 == 0) || (i / 8 >= 7 && i / 8 < 20);
    if (hit) {
      EXPECT_TRUE(std::isnan(y)) << i / 8;
    } else {
      EXPECT_EQ(y, clean.views[0].In<float>()[i]) << i / 8;
    }
  }
}

TEST(AttentionTest, LargeScoresDoNotOverflow) {
  OwnedCall sample = MakeAttention(kAttention, DType::kF32, {600}, 1, 16, false);
  sample.call.attrs[0].f = 100;
  const Outputs want = RunSample(Forward(), sample, {.row = "ref"}), got = RunSample(Forward(), sample);
  // A score of 2,000 is known to 1e-4, so that a weight is, too.
  for (int64_t i = 0; i < 600 * 16; ++i) {
    EXPECT_NEAR(got.views[0].In<float>()[i], want.views[0].In<float>()[i], 4e-3);
  }
}

TEST(AttentionBackwardTest, SeveralSquaresAgreeWithTheReferenceAndWithThemselves) {
  for (const DType dtype : kDTypes) {
    for (const bool causal : {false, true}) {
      const OwnedCall sample = MakeAttention(kAttentionBackward, dtype, {100, 0, 3}, 2, 20, causal);
      const Outputs got = RunSample(Backward(), sample);
      EXPECT_EQ(TooFar(sample, got, RunSample(Backward(), sample, {.row = "ref"})), "") << NameOf(dtype) << causal;
      for (int threads : {2, 7}) {
        EXPECT_EQ(DifferentBits(kAttentionBackward, RunSample(Backward(), sample, {.threads = threads}), got), "");
      }
      for (const std::string& target : SimdTargets()) {
        EXPECT_EQ(DifferentBits(kAttentionBackward, RunSample(Backward(), sample, {.target = target}), got), "");
      }
    }
  }
}

}  // namespace
}  // namespace strata
