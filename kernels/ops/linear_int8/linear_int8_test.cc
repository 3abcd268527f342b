#include "kernels/ops/linear_int8/linear_int8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/base/cpu_features.h"
#include "kernels/core/invoke.h"
#include "kernels/core/scalar.h"
#include "kernels/simd/stream.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

const OpDef& Linear() { return ops::linear_int8::kOps[0]; }

constexpr std::string_view kRows[] = {"amx", "avx512_vnni", "avx512_vnni_narrow", "avx_vnni", "avx2", "plain"};

OwnedCall MakeCall(int64_t rows, int64_t in, int64_t out) {
  OwnedCall sample(kLinearInt8);
  std::mt19937_64 random(static_cast<uint64_t>(rows * 7 + in));
  const auto add = [&](size_t index, DType dtype, std::initializer_list<int64_t> sizes) {
    TensorView& view = sample.call.inputs[index];
    view.dtype = dtype;
    view.SetSizes(sizes);
    sample.Allocate(view, static_cast<int>(index));
    for (int64_t i = 0; i < view.numel(); ++i) {
      const double value = static_cast<double>(random() >> 11) * 0x1p-52 - 1;
      if (dtype == DType::kF32) view.Out<float>()[i] = static_cast<float>(value);
      if (dtype == DType::kI8) view.Out<int8_t>()[i] = static_cast<int8_t>(std::lround(value * 127.5 - 0.5));
    }
  };
  add(0, DType::kF32, {rows, in});
  add(1, DType::kI8, {out, in});
  add(2, DType::kF32, {out});
  add(3, DType::kF32, {out});
  return sample;
}

// The definition, one operation at a time.
float Expected(const Call& call, int64_t r, int64_t o) {
  const int64_t in = call.inputs[1].size(1);
  const float* x = call.inputs[0].In<float>() + r * in;
  const int8_t* w = call.inputs[1].In<int8_t>() + o * in;
  float amax = 0;
  for (int64_t k = 0; k < in; ++k) amax = std::max(amax, std::fabs(x[k]));
  const float inverse = 127.0f / amax, s = amax / 127.0f;
  int32_t sum = 0;
  for (int64_t k = 0; k < in; ++k) sum += static_cast<int32_t>(std::nearbyint(x[k] * inverse)) * w[k];
  return static_cast<float>(sum) * (s * call.inputs[2].In<float>()[o]) + call.inputs[3].In<float>()[o];
}

TEST(LinearInt8Test, EveryRowGivesTheBitsOfTheDefinition) {
  int rows_tested = 0;
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{1, 1, 1},
                                      {1, 70, 150},
                                      {2, 2200, 70},
                                      {3, 33, 97},
                                      {13, 2051, 31},
                                      {50, 5000, 34},
                                      {197, 130, 40}}) {
    const OwnedCall sample = MakeCall(rows, in, out);
    for (const std::string_view row : kRows) {
      for (const bool prepared : {false, true}) {
        Outputs got;
        const Status status = TrySample(Linear(), sample, {.row = row, .threads = 2, .prepared = prepared}, &got);
        if (status.code() == StatusCode::kUnimplemented) continue;
        ASSERT_TRUE(status.ok()) << status.message();
        ++rows_tested;
        for (int64_t i = 0; i < rows * out; ++i) {
          ASSERT_EQ(got.views[0].In<float>()[i], Expected(sample.call, i / out, i % out)) << row << " " << i;
        }
      }
    }
  }
  EXPECT_GE(rows_tested, 14);
}

// Written past the caches.
TEST(LinearInt8Test, ALargeOutput) {
  const int64_t rows = 26, in = 8, out = 1 << 18;
  const OwnedCall sample = MakeCall(rows, in, out);
  ASSERT_TRUE(WorthStreaming(rows * out * int64_t{sizeof(float)}));
  const Outputs got = RunSample(Linear(), sample, {.threads = 2});
  for (int64_t i = 0; i < rows * out; i += 97) {
    ASSERT_EQ(got.views[0].In<float>()[i], Expected(sample.call, i / out, i % out)) << i;
  }
}

// vpmaddubsw would saturate here.
TEST(LinearInt8Test, SumsOfExtremesAreExact) {
  const OwnedCall sample = MakeCall(2, 4096, 33);
  for (int64_t k = 0; k < 4096; ++k) {
    sample.call.inputs[0].Out<float>()[k] = 1;
    sample.call.inputs[0].Out<float>()[4096 + k] = -1;
  }
  for (int64_t i = 0; i < 33 * 4096; ++i) sample.call.inputs[1].Out<int8_t>()[i] = i / 4096 % 2 ? -128 : 127;
  for (const std::string_view row : kRows) {
    Outputs got;
    if (!TrySample(Linear(), sample, {.row = row}, &got).ok()) continue;
    for (int64_t i = 0; i < 2 * 33; ++i) {
      EXPECT_EQ(got.views[0].In<float>()[i], Expected(sample.call, i / 33, i % 33)) << row;
    }
  }
}

TEST(LinearInt8Test, RowsOfZerosNansAndInfinities) {
  const OwnedCall sample = MakeCall(5, 40, 9);
  float* x = sample.call.inputs[0].Out<float>();
  const float* bias = sample.call.inputs[3].In<float>();
  for (int64_t k = 0; k < 40; ++k) x[k] = 0, x[40 + k] = 1e-38f;
  x[2 * 40 + 7] = std::numeric_limits<float>::quiet_NaN();
  x[3 * 40 + 39] = -std::numeric_limits<float>::infinity();
  for (const std::string_view row : kRows) {
    Outputs got;
    if (!TrySample(Linear(), sample, {.row = row}, &got).ok()) continue;
    for (int64_t o = 0; o < 9; ++o) {
      const float* y = got.views[0].In<float>() + o;
      EXPECT_EQ(y[0], bias[o]);
      EXPECT_EQ(y[9], bias[o]);
      EXPECT_TRUE(std::isnan(y[18]));
      EXPECT_TRUE(std::isnan(y[27]));
      EXPECT_EQ(y[36], Expected(sample.call, 4, o));
    }
  }
}

TEST(LinearInt8Test, AnActivationSeesTheRoundedSum) {
  OwnedCall sample = MakeCall(4, 300, 40);
  const Outputs plain = RunSample(Linear(), sample);
  sample.call.attrs[0].i = static_cast<int64_t>(Activation::kRelu);
  const Outputs fused = RunSample(Linear(), sample);
  for (int64_t i = 0; i < 160; ++i) {
    EXPECT_EQ(fused.views[0].In<float>()[i], std::max(0.0f, plain.views[0].In<float>()[i]));
  }
}

TEST(LinearInt8Test, TheProcessorDecidesWhichRowRuns) {
  OwnedCall sample = MakeCall(1, 8, 8);
  ASSERT_TRUE(Infer(Linear(), sample.call).ok());
  const ScopedCpuFeaturesForTest nothing([](CpuFeatures& cpu) { cpu = {}; });
  EXPECT_EQ(SelectVariant(Linear(), {}, sample.call)->name, "plain");
  const ScopedCpuFeaturesForTest avx2([](CpuFeatures& cpu) { cpu.avx2 = true; });
  EXPECT_EQ(SelectVariant(Linear(), {}, sample.call)->name, "avx2");
  const ScopedCpuFeaturesForTest vnni([](CpuFeatures& cpu) { cpu.avx512_vnni = true; });
  EXPECT_EQ(SelectVariant(Linear(), {}, sample.call)->name, "avx512_vnni");
}

}  // namespace
}  // namespace strata
