#include "kernels/ops/linear/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/base/cpu_features.h"
#include "kernels/core/scalar.h"
#include "kernels/dot/dot_test_util.h"
#include "kernels/simd/targets.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

const OpDef& Forward() { return ops::linear::kOps[0]; }
const OpDef& Backward() { return ops::linear::kOps[1]; }
const OpDef& Training() { return ops::linear::kOps[2]; }

void AddInput(OwnedCall& sample, int index, DType dtype, std::initializer_list<int64_t> sizes, uint64_t seed) {
  TensorView& view = sample.call.inputs[static_cast<size_t>(index)];
  view.dtype = dtype;
  view.SetSizes(sizes);
  sample.Allocate(view, index);
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < view.numel(); ++i) {
    const double value = static_cast<double>(random() >> 11) * 0x1p-52 - 1 + 0.01 * static_cast<double>(i % 13);
    if (dtype == DType::kF32) view.Out<float>()[i] = static_cast<float>(value);
    if (dtype == DType::kF64) view.Out<double>()[i] = value;
    if (dtype == DType::kBF16) view.Out<BF16>()[i] = ToBF16(static_cast<float>(value));
  }
}

OwnedCall MakeLinear(DType dtype, int64_t rows, int64_t in, int64_t out, Activation activation = Activation::kNone) {
  OwnedCall sample(kLinear);
  AddInput(sample, 0, dtype, {rows, in}, 1);
  AddInput(sample, 1, dtype, {out, in}, 2);
  AddInput(sample, 2, dtype, {out}, 3);
  sample.call.attrs[0].i = static_cast<int64_t>(activation);
  return sample;
}

// The definition, one operation at a time.
template <class F>
F SumInBlocks(int64_t k, auto a, auto b) {
  F total = 0;
  for (int64_t block = 0; block < k; block += 128) {
    F sum = 0;
    for (int64_t i = block; i < std::min(k, block + 128); ++i) sum = std::fma(a(i), b(i), sum);
    total = block == 0 ? sum : total + sum;
  }
  return total;
}

template <class T, class F>
void ExpectTheDefinition(int64_t rows, int64_t in, int64_t out) {
  const OwnedCall sample = MakeLinear(kDTypeOf<T>, rows, in, out);
  const Outputs got = RunSample(Forward(), sample, {.row = "simd"});
  const T *x = sample.call.inputs[0].In<T>(), *w = sample.call.inputs[1].In<T>(), *bias = sample.call.inputs[2].In<T>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      const F sum = SumInBlocks<F>(
          in, [&](int64_t i) { return static_cast<F>(ToDouble(x[r * in + i])); },
          [&](int64_t i) { return static_cast<F>(ToDouble(w[o * in + i])); });
      const T want = FromDouble<T>(sum + static_cast<F>(ToDouble(bias[o])));
      ASSERT_EQ(ToDouble(got.views[0].In<T>()[r * out + o]), ToDouble(want)) << r << ", " << o;
    }
  }
}

TEST(LinearTest, EveryOutputIsOneChainInBlocksOf128) {
  if (!SimdSupported()) GTEST_SKIP() << "no SIMD target here";
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{1, 1, 1},
                                      {3, 255, 5},
                                      {13, 128, 33},
                                      {13, 256, 33},
                                      {27, 257, 31},
                                      {1, 1000, 65},
                                      {200, 600, 40},
                                      {50, 2500, 34}}) {
    ExpectTheDefinition<float, float>(rows, in, out);
    ExpectTheDefinition<double, double>(rows, in, out);
    ExpectTheDefinition<BF16, float>(rows, in, out);
  }
}

// Whatever the tile: of 1 to 4 panels, 1 to 12 rows, one pass along k or more, packed before or on the way.
TEST(LinearTest, Bf16DotAddsPairsInOrder) {
  if (!Cpu().avx512_bf16 || !Cpu().fast_bf16_dot) GTEST_SKIP() << "no fast vdpbf16ps here";
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{1, 1, 1},
                                      {1, 70, 150},
                                      {2, 1200, 70},
                                      {3, 33, 97},
                                      {13, 1025, 31},
                                      {50, 2500, 34},
                                      {197, 2100, 40}}) {
    const OwnedCall sample = MakeLinear(DType::kBF16, rows, in, out);
    BF16 *x = sample.call.inputs[0].Out<BF16>(), *w = sample.call.inputs[1].Out<BF16>();
    const BF16* bias = sample.call.inputs[2].In<BF16>();
    x[0] = ToBF16(0x1p-128f), w[in - 1] = ToBF16(-0x1p-130f);  // denormal: taken as zero
    for (const bool prepared : {false, true}) {
      const Outputs got = RunSample(Forward(), sample, {.row = "bf16_dot", .threads = 2, .prepared = prepared});
      for (int64_t i = 0; i < rows * out; ++i) {
        const int64_t r = i / out, o = i % out;
        const float sum =
            SumBf16Dot(in, [&](int64_t k) { return x[r * in + k]; }, [&](int64_t k) { return w[o * in + k]; });
        ASSERT_EQ(ToFloat(got.views[0].In<BF16>()[i]), ToFloat(ToBF16(sum + ToFloat(bias[o])))) << r << ", " << o;
      }
    }
  }
}

TEST(LinearTest, ThreadsTargetsPackingAndNeighboursChangeNoBit) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    const OwnedCall sample = MakeLinear(dtype, 150, 700, 200, Activation::kGelu);
    const Outputs want = RunSample(Forward(), sample);
    for (int threads : {1, 2, 7}) {
      for (const std::string& target : SimdTargets()) {
        for (bool prepared : {false, true}) {
          const Outputs got =
              RunSample(Forward(), sample, {.threads = threads, .target = target, .prepared = prepared});
          EXPECT_EQ(DifferentBits(kLinear, got, want), "") << threads << target << prepared;
        }
      }
    }
    OwnedCall row = MakeLinear(dtype, 1, 700, 200, Activation::kGelu);
    row.call.inputs[0].data = static_cast<std::byte*>(sample.call.inputs[0].data) + 149 * 700 * SizeOf(dtype);
    TensorView last = want.views[0];
    last.SetSizes({1, 200});
    last.data = static_cast<std::byte*>(last.data) + 149 * 200 * SizeOf(dtype);
    EXPECT_EQ(DifferentBits(RunSample(Forward(), row).views[0], last), "") << NameOf(dtype);
  }
}

// Many groups of rows, blocks of k and groups of panels against single rows, which are computed in one go.
TEST(LinearTest, ALargeProductHasTheBitsOfItsRows) {
  constexpr int64_t kRows = 280, kIn = 1600, kOut = 1450;
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    const OwnedCall sample = MakeLinear(dtype, kRows, kIn, kOut);
    const auto row_bytes = [dtype](int64_t width) { return width * static_cast<int64_t>(SizeOf(dtype)); };
    for (const bool prepared : {false, true}) {
      const Outputs all = RunSample(Forward(), sample, {.row = "simd", .threads = 2, .prepared = prepared});
      for (const int64_t row : {0, 119, 120, 279}) {
        OwnedCall alone = MakeLinear(dtype, 1, kIn, kOut);
        alone.call.inputs[0].data = static_cast<std::byte*>(sample.call.inputs[0].data) + row * row_bytes(kIn);
        TensorView want = all.views[0];
        want.SetSizes({1, kOut});
        want.data = static_cast<std::byte*>(want.data) + row * row_bytes(kOut);
        EXPECT_EQ(DifferentBits(RunSample(Forward(), alone, {.row = "simd"}).views[0], want), "")
            << NameOf(dtype) << row << prepared;
      }
    }
  }
}

// 128 + K / 128 roundings meet in an output, each of 2^-24 of a partial sum; they add up like a random walk. Partial
// sums reach |y| or, where they cancel, sqrt(K) times a term, 1 / 3.
TEST(LinearTest, LongSumsStayCloseToTheReference) {
  constexpr int64_t kRows = 5, kIn = 20000, kOut = 3;
  const OwnedCall sample = MakeLinear(DType::kF32, kRows, kIn, kOut);
  const Outputs want = RunSample(Forward(), sample, {.row = "ref"}), got = RunSample(Forward(), sample);
  for (int64_t i = 0; i < kRows * kOut; ++i) {
    const double y = want.views[0].In<float>()[i];
    EXPECT_NEAR(got.views[0].In<float>()[i], y,
                0x1p-24 * std::sqrt(128 + kIn / 128) * std::max(std::fabs(y), std::sqrt(kIn) / 3));
  }
}

template <class T, class F>
void ExpectFusedIsUnfused() {
  constexpr int64_t kRows = 9, kIn = 70, kOut = 40;
  // relu is exact, so that the fused result is that of the rounded sum.
  const OwnedCall plain = MakeLinear(kDTypeOf<T>, kRows, kIn, kOut);
  OwnedCall fused = MakeLinear(kDTypeOf<T>, kRows, kIn, kOut, Activation::kRelu);
  AddInput(fused, 3, kDTypeOf<T>, {kRows, kOut}, 4);
  AddInput(fused, 4, kDTypeOf<T>, {kRows, kOut}, 5);
  const T *gate = fused.call.inputs[3].In<T>(), *residual = fused.call.inputs[4].In<T>();
  for (const Variant& row : Forward().variants) {
    Outputs sums, y;
    if (row.name == "ref" || !TrySample(Forward(), plain, {.row = row.name}, &sums).ok()) continue;
    ASSERT_TRUE(TrySample(Forward(), fused, {.row = row.name}, &y).ok());
    const Outputs training = RunSample(Training(), fused, {.row = row.name});
    EXPECT_EQ(DifferentBits(training.views[0], y.views[0]), "") << row.name;
    EXPECT_EQ(DifferentBits(training.views[1], sums.views[0]), "") << row.name;
    const auto rounded = [](F v) { return static_cast<F>(ToDouble(FromDouble<T>(v))); };
    for (int64_t i = 0; i < kRows * kOut; ++i) {
      const F sum = static_cast<F>(ToDouble(sums.views[0].In<T>()[i])), relu = sum <= 0 ? 0 : sum;
      const F product = rounded(relu * static_cast<F>(ToDouble(gate[i])));
      const F want = rounded(product + static_cast<F>(ToDouble(residual[i])));
      EXPECT_EQ(ToDouble(y.views[0].In<T>()[i]), want) << row.name << i;
    }
  }
}

TEST(LinearTest, EveryStepOfTheEpilogueRoundsAsTheUnfusedOpsDo) {
  ExpectFusedIsUnfused<float, float>();
  ExpectFusedIsUnfused<BF16, float>();
  ExpectFusedIsUnfused<double, double>();
}

TEST(LinearTest, NanAndInfinityStayInTheirRow) {
  const OwnedCall sample = MakeLinear(DType::kF32, 14, 300, 35);
  const Outputs clean = RunSample(Forward(), sample);
  sample.call.inputs[0].Out<float>()[3 * 300 + 299] = std::numeric_limits<float>::quiet_NaN();
  sample.call.inputs[0].Out<float>()[13 * 300] = std::numeric_limits<float>::infinity();
  const Outputs got = RunSample(Forward(), sample);
  for (int64_t i = 0; i < 14 * 35; ++i) {
    const float y = got.views[0].In<float>()[i];
    if (i / 35 == 3) {
      EXPECT_TRUE(std::isnan(y));
    } else if (i / 35 == 13) {
      EXPECT_TRUE(std::isinf(y));
    } else {
      EXPECT_EQ(y, clean.views[0].In<float>()[i]);
    }
  }
}

TEST(LinearTest, AnEmptySumIsTheBias) {
  const OwnedCall sample = MakeLinear(DType::kF32, 3, 0, 4);
  const Outputs got = RunSample(Forward(), sample);
  for (int64_t i = 0; i < 12; ++i) EXPECT_EQ(got.views[0].In<float>()[i], sample.call.inputs[2].In<float>()[i % 4]);
}

TEST(LinearBackwardTest, Bf16DotAddsPairsInOrder) {
  if (!Cpu().avx512_bf16 || !Cpu().fast_bf16_dot) GTEST_SKIP() << "no fast vdpbf16ps here";
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{1, 1, 1}, {33, 70, 9}, {1100, 35, 131}, {7, 131, 1030}}) {
    OwnedCall sample(kLinearBackward);
    AddInput(sample, 0, DType::kBF16, {rows, out}, 1);
    AddInput(sample, 1, DType::kBF16, {rows, in}, 2);
    AddInput(sample, 2, DType::kBF16, {out, in}, 3);
    const BF16 *grad = sample.call.inputs[0].In<BF16>(), *x = sample.call.inputs[1].In<BF16>(),
               *w = sample.call.inputs[2].In<BF16>();
    const Outputs got = RunSample(Backward(), sample, {.row = "bf16_dot", .threads = 2});
    for (int64_t i = 0; i < rows * in; ++i) {
      const float sum = SumBf16Dot(
          out, [&](int64_t o) { return grad[i / in * out + o]; }, [&](int64_t o) { return w[o * in + i % in]; });
      ASSERT_EQ(ToFloat(got.views[0].In<BF16>()[i]), ToFloat(ToBF16(sum))) << i;
    }
    for (int64_t i = 0; i < out * in; ++i) {
      const float sum = SumBf16Dot(
          rows, [&](int64_t r) { return grad[r * out + i / in]; }, [&](int64_t r) { return x[r * in + i % in]; });
      ASSERT_EQ(ToFloat(got.views[1].In<BF16>()[i]), ToFloat(ToBF16(sum))) << i;
    }
  }
}

OwnedCall MakeBackward(DType dtype, int64_t rows, int64_t in, int64_t out, Activation activation) {
  OwnedCall sample(kLinearBackward);
  AddInput(sample, 0, dtype, {rows, out}, 1);
  AddInput(sample, 1, dtype, {rows, in}, 2);
  AddInput(sample, 2, dtype, {out, in}, 3);
  AddInput(sample, 3, dtype, {out}, 4);
  AddInput(sample, 4, dtype, {rows, out}, 5);
  sample.call.attrs[0].i = static_cast<int64_t>(activation);
  return sample;
}

// `before` only spares a product; what is not asked for changes nothing else.
TEST(LinearBackwardTest, WhatTheForwardKeptChangesNoBit) {
  constexpr int64_t kRows = 300, kIn = 33, kOut = 270;
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    for (const Activation activation :
         {Activation::kNone, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu, Activation::kSilu}) {
      OwnedCall sample = MakeBackward(dtype, kRows, kIn, kOut, activation);
      const Outputs want = RunSample(Backward(), sample, {.threads = 2});
      OwnedCall forward(kLinear);
      for (size_t i = 0; i < 3; ++i) forward.call.inputs[i] = sample.call.inputs[i + 1];
      const Outputs before = RunSample(Forward(), forward);
      sample.call.inputs[5] = before.views[0];
      EXPECT_EQ(DifferentBits(kLinearBackward, RunSample(Backward(), sample), want), "") << NameOf(dtype);
      for (size_t left_out = 0; left_out < 4; ++left_out) {
        for (size_t i = 0; i < 4; ++i) sample.call.attrs[1 + i].i = i != left_out;
        const Outputs got = RunSample(Backward(), sample);
        for (size_t i = 0; i < 4; ++i) {
          if (i == left_out) {
            EXPECT_EQ(got.views[i].numel(), 0);
          } else {
            EXPECT_EQ(DifferentBits(got.views[i], want.views[i]), "") << NameOf(dtype) << left_out << i;
          }
        }
      }
    }
  }
}

TEST(LinearBackwardTest, LargeGradientsAgreeWithTheReference) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    OwnedCall sample(kLinearBackward);
    AddInput(sample, 0, dtype, {310, 70}, 1);
    AddInput(sample, 1, dtype, {310, 129}, 2);
    AddInput(sample, 2, dtype, {70, 129}, 3);
    const Outputs want = RunSample(Backward(), sample, {.row = "ref"}), got = RunSample(Backward(), sample);
    EXPECT_EQ(TooFar(sample, got, want), "") << NameOf(dtype);
    for (int threads : {2, 7}) {
      EXPECT_EQ(DifferentBits(kLinearBackward, RunSample(Backward(), sample, {.threads = threads}), got), "");
    }
    for (const std::string& target : SimdTargets()) {
      EXPECT_EQ(DifferentBits(kLinearBackward, RunSample(Backward(), sample, {.target = target}), got), "") << target;
    }
  }
}

TEST(LinearBackwardTest, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::linear::kOps[0], ops::linear::kOps[1]), "");
}

// One thread takes whole rows at a time, seven take strips of them.
TEST(LinearBackwardTest, WholeRowsAndStripsHaveTheSameBits) {
  constexpr int64_t kRows = 700, kIn = 3, kOut = 530;
  for (const Activation activation : {Activation::kNone, Activation::kGelu, Activation::kSilu}) {
    const OwnedCall sample = MakeBackward(DType::kF32, kRows, kIn, kOut, activation);
    const Outputs want = RunSample(Backward(), sample, {.threads = 1});
    EXPECT_EQ(DifferentBits(kLinearBackward, RunSample(Backward(), sample, {.threads = 7}), want), "");
    if (activation != Activation::kNone) continue;
    const float *grad = sample.call.inputs[0].In<float>(), *gate = sample.call.inputs[4].In<float>();
    for (int64_t o = 0; o < kOut; ++o) {
      float sum = 0;
      for (int64_t first = 0; first < kRows; first += 128) {
        float block = 0;
        for (int64_t r = first; r < std::min(kRows, first + 128); ++r) block += grad[r * kOut + o] * gate[r * kOut + o];
        sum += block;
      }
      ASSERT_EQ(want.views[2].In<float>()[o], sum) << o;
    }
  }
}

}  // namespace
}  // namespace strata
