#include "kernels/ops/linear_half/linear_half.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/targets.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

const OpDef& Linear() { return ops::linear_half::kOps[0]; }

// linear's definition on the widened weights: one chain along k in blocks of 128, in order.
float Expected(const Call& call, int64_t r, int64_t o) {
  const int64_t in = call.inputs[0].size(1);
  const float* x = call.inputs[0].In<float>() + r * in;
  const auto weight = [&](int64_t i) {
    return call.inputs[1].dtype == DType::kF16 ? ToFloat(call.inputs[1].In<F16>()[i])
                                               : ToFloat(call.inputs[1].In<BF16>()[i]);
  };
  float total = 0;
  for (int64_t block = 0; block < in; block += 128) {
    float sum = 0;
    for (int64_t k = block; k < std::min(in, block + 128); ++k) sum = std::fma(x[k], weight(o * in + k), sum);
    total = block == 0 ? sum : total + sum;
  }
  return total + call.inputs[2].In<float>()[o];
}

TEST(LinearHalfTest, HasTheBitsOfLinearOnWidenedWeights) {
  if (!SimdSupported()) GTEST_SKIP() << "no SIMD target here";
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    for (const auto& [rows, in, out] :
         {std::array<int64_t, 3>{1, 1, 1}, {1, 600, 70}, {7, 256, 32}, {8, 257, 33}, {30, 1000, 40}, {5, 0, 3}}) {
      OwnedCall sample(kLinearHalf);
      std::mt19937_64 random(static_cast<uint64_t>(rows * 7 + in));
      const auto add = [&](size_t index, DType type, std::initializer_list<int64_t> sizes) {
        TensorView& view = sample.call.inputs[index];
        view.dtype = type;
        view.SetSizes(sizes);
        sample.Allocate(view, static_cast<int>(index));
        for (int64_t i = 0; i < view.numel(); ++i) {
          const auto value = static_cast<float>(static_cast<double>(random() >> 11) * 0x1p-52 - 1);
          if (type == DType::kF32) view.Out<float>()[i] = value;
          if (type == DType::kF16) view.Out<F16>()[i] = ToF16(i % 31 == 0 ? value * 0x1p-16f : value);
          if (type == DType::kBF16) view.Out<BF16>()[i] = ToBF16(value);
        }
      };
      add(0, DType::kF32, {rows, in});
      add(1, dtype, {out, in});
      add(2, DType::kF32, {out});
      for (const std::string& target : SimdTargets()) {
        for (const bool prepared : {false, true}) {
          const Outputs got = RunSample(Linear(), sample, {.threads = 2, .target = target, .prepared = prepared});
          for (int64_t i = 0; i < rows * out; ++i) {
            ASSERT_EQ(got.views[0].In<float>()[i], Expected(sample.call, i / out, i % out)) << target << " " << i;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace strata
