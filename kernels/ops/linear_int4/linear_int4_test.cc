#include "kernels/ops/linear_int4/linear_int4.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

const OpDef& Linear() { return ops::linear_int4::kOps[0]; }

constexpr std::string_view kRows[] = {"avx512_vnni", "avx2", "plain"};

OwnedCall MakeCall(int64_t rows, int64_t in, int64_t out, int64_t blocks, bool half, bool zeros) {
  OwnedCall sample(kLinearInt4);
  std::mt19937_64 random(static_cast<uint64_t>(rows * 7 + in));
  const auto add = [&](size_t index, DType dtype, std::initializer_list<int64_t> sizes) {
    TensorView& view = sample.call.inputs[index];
    view.dtype = dtype;
    view.SetSizes(sizes);
    sample.Allocate(view, static_cast<int>(index));
    for (int64_t i = 0; i < view.numel(); ++i) {
      const auto value = static_cast<float>(static_cast<double>(random() >> 11) * 0x1p-52 - 1);
      if (dtype == DType::kF32) view.Out<float>()[i] = value;
      if (dtype == DType::kF16) view.Out<F16>()[i] = ToF16(value);
      if (dtype == DType::kU8) view.Out<uint8_t>()[i] = static_cast<uint8_t>(index == 1 ? random() : random() % 256);
    }
  };
  const int64_t groups = in / (32 * blocks);
  add(0, DType::kF32, {rows, in});
  add(1, DType::kU8, {out, in / 2});
  add(2, half ? DType::kF16 : DType::kF32, {groups, out});
  if (zeros) add(3, DType::kU8, {groups, out});
  add(4, DType::kF32, {out});
  sample.call.attrs[0].i = blocks;
  return sample;
}

// The definition, one operation at a time.
float Expected(const Call& call, int64_t r, int64_t o) {
  const int64_t in = call.inputs[0].size(1), out = call.inputs[1].size(0), group = 32 * call.attrs[0].i;
  const float* x = call.inputs[0].In<float>() + r * in;
  float total = 0, chain = 0;
  for (int64_t g = 0; g < in / group; ++g) {
    float amax = 0;
    for (int64_t k = g * group; k < (g + 1) * group; ++k) amax = std::max(amax, std::fabs(x[k]));
    const float inverse = 127.0f / amax;
    const int z = call.inputs[3].present() ? call.inputs[3].In<uint8_t>()[g * out + o] : 8;
    int sum = 0;
    for (int64_t k = g * group; k < (g + 1) * group; ++k) {
      const int q = call.inputs[1].In<uint8_t>()[o * (in / 2) + k / 2] >> (k % 2 * 4) & 15;
      sum += static_cast<int>(std::nearbyint(x[k] * inverse)) * (q - z);
    }
    const float scale = call.inputs[2].dtype == DType::kF16 ? ToFloat(call.inputs[2].In<F16>()[g * out + o])
                                                            : call.inputs[2].In<float>()[g * out + o];
    chain = std::fma(static_cast<float>(sum) * (amax / 127.0f), scale, chain);
    if (g % 8 == 7 || g + 1 == in / group) total += std::exchange(chain, 0.0f);
  }
  return total + call.inputs[4].In<float>()[o];
}

TEST(LinearInt4Test, EveryRowGivesTheBitsOfTheDefinition) {
  for (const bool variant : {false, true}) {
    for (const auto& [rows, in, out, blocks] : {std::array<int64_t, 4>{1, 32, 1, 1},
                                                {1, 4096, 70, 1},
                                                {3, 192, 97, 3},
                                                {8, 256, 64, 2},
                                                {9, 128, 31, 4},
                                                {50, 640, 34, 1}}) {
      const OwnedCall sample = MakeCall(rows, in, out, blocks, /*half=*/variant, /*zeros=*/variant);
      for (const std::string_view row : kRows) {
        for (const bool prepared : {false, true}) {
          Outputs got;
          const Status status = TrySample(Linear(), sample, {.row = row, .threads = 2, .prepared = prepared}, &got);
          if (status.code() == StatusCode::kUnimplemented) continue;
          ASSERT_TRUE(status.ok()) << status.message();
          for (int64_t i = 0; i < rows * out; ++i) {
            ASSERT_EQ(got.views[0].In<float>()[i], Expected(sample.call, i / out, i % out)) << row << " " << i;
          }
        }
      }
    }
  }
}

// 16-bit sums of eight steps are largest here.
TEST(LinearInt4Test, SumsOfExtremesAreExact) {
  const OwnedCall sample = MakeCall(2, 256, 33, 4, false, true);
  for (int64_t k = 0; k < 256; ++k) {
    sample.call.inputs[0].Out<float>()[k] = 1;
    sample.call.inputs[0].Out<float>()[256 + k] = -1;
  }
  for (int64_t i = 0; i < 33 * 128; ++i) sample.call.inputs[1].Out<uint8_t>()[i] = 255;
  for (int64_t i = 0; i < 2 * 33; ++i) sample.call.inputs[3].Out<uint8_t>()[i] = i % 2 ? 0 : 15;
  for (const std::string_view row : kRows) {
    Outputs got;
    if (!TrySample(Linear(), sample, {.row = row}, &got).ok()) continue;
    for (int64_t i = 0; i < 66; ++i) {
      EXPECT_EQ(got.views[0].In<float>()[i], Expected(sample.call, i / 33, i % 33)) << row;
    }
  }
}

TEST(LinearInt4Test, ANanStaysInItsRow) {
  const OwnedCall sample = MakeCall(3, 96, 40, 1, false, false);
  sample.call.inputs[0].Out<float>()[96 + 50] = std::numeric_limits<float>::infinity();
  for (int64_t k = 0; k < 96; ++k) sample.call.inputs[0].Out<float>()[192 + k] = 0;
  for (const std::string_view row : kRows) {
    Outputs got;
    if (!TrySample(Linear(), sample, {.row = row}, &got).ok()) continue;
    for (int64_t o = 0; o < 40; ++o) {
      const float* y = got.views[0].In<float>() + o;
      EXPECT_EQ(y[0], Expected(sample.call, 0, o));
      EXPECT_TRUE(std::isnan(y[40]));
      EXPECT_EQ(y[80], sample.call.inputs[4].In<float>()[o]);
    }
  }
}

}  // namespace
}  // namespace strata
