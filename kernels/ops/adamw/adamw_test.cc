// AdamW: everything that conformance_test checks of other operators, on states that a run can have (second moments are
// no random numbers: they are not negative), and what is special.
#include "kernels/ops/adamw/adamw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/simd/tensor_chunks.h"
#include "kernels/testing/conformance.h"

namespace strata {
namespace {

constexpr int64_t kSizes[] = {0, 1, 7, 64, 65, kTensorChunk + 3, 130};

template <class T>
void MakeSquares(const TensorView& view) {
  for (int64_t i = 0; i < view.numel(); ++i) {
    const float v = static_cast<float>(ToFloat(T{view.In<T>()[i]}));
    view.Out<T>()[i] = ToBF16(v * v + 0.01f);
  }
}
template <>
void MakeSquares<float>(const TensorView& view) {
  for (int64_t i = 0; i < view.numel(); ++i) view.Out<float>()[i] = std::abs(view.In<float>()[i]) + 0.01f;
}
template <>
void MakeSquares<double>(const TensorView& view) {
  for (int64_t i = 0; i < view.numel(); ++i) view.Out<double>()[i] = std::abs(view.In<double>()[i]) + 0.01;
}

OwnedCall Sample(DType dtype, DType state, bool amsgrad, int64_t step, bool maximize, bool specials = false) {
  OwnedCall sample(kAdamW);
  std::mt19937_64 random(static_cast<uint64_t>(step) * 7 + 1);
  for (const int64_t size : kSizes) {
    for (const size_t list : {0, 1, 2, 3, 4}) {
      if (list == 4 && !amsgrad) continue;
      const DType own = list < 2 ? dtype : state;
      const TensorView view = RandomTensor(sample, own, {size}, random, specials);
      if (list >= 3 && own == DType::kF32) MakeSquares<float>(view);
      if (list >= 3 && own == DType::kF64) MakeSquares<double>(view);
      if (list >= 3 && own == DType::kBF16) MakeSquares<BF16>(view);
      sample.lists[list].push_back(view);
    }
  }
  sample.call.attrs[0].i = step;
  sample.call.attrs[1].f = 0.05;
  sample.call.attrs[5].f = 0.1;
  sample.call.attrs[6].i = maximize;
  return sample;
}

struct Types {
  DType param, state;
};
constexpr Types kTypes[] = {
    {DType::kF32, DType::kF32}, {DType::kF64, DType::kF64}, {DType::kBF16, DType::kBF16}, {DType::kBF16, DType::kF32}};
const OpDef& kOp = ops::adamw::kOps[0];

TEST(AdamW, AgreesWithTheReferenceInTheSameBitsOnEveryTargetAndAnyNumberOfThreads) {
  for (const Types types : kTypes) {
    for (const bool amsgrad : {false, true}) {
      for (const int64_t step : {int64_t{1}, int64_t{2}, int64_t{1000}, int64_t{1} << 40}) {
        EXPECT_EQ(CheckAll(kOp, Sample(types.param, types.state, amsgrad, step, step == 2)), "")
            << NameOf(types.param) << " " << NameOf(types.state) << " amsgrad " << amsgrad << " step " << step;
      }
      EXPECT_EQ(CheckTargets(kOp, Sample(types.param, types.state, amsgrad, 3, false, /*specials=*/true)), "");
    }
  }
}

// One step from zero moments goes by lr times the sign of the gradient, whatever its size.
TEST(AdamW, TheFirstStepIsOfTheLearningRate) {
  std::vector<double> p(3, 1.0), g = {1e-3, -7, 1e5}, m(3, 0.0), v(3, 0.0);
  OwnedCall sample(kAdamW);
  std::vector<double>* tensors[] = {&p, &g, &m, &v};
  for (size_t list = 0; list < 4; ++list) sample.lists[list] = {MakeView(tensors[list]->data(), DType::kF64, {3})};
  sample.call.attrs[5].f = 0;
  const Outputs out = RunSample(kOp, sample);
  EXPECT_NEAR(out.views[0].In<double>()[0], 1 - 1e-3, 1e-8);
  EXPECT_NEAR(out.views[0].In<double>()[1], 1 + 1e-3, 1e-10);
  EXPECT_NEAR(out.views[0].In<double>()[2], 1 - 1e-3, 1e-10);
}

TEST(AdamW, RefusesAStateOfAnotherType) {
  OwnedCall sample = Sample(DType::kF64, DType::kF32, false, 1, false);
  Outputs out;
  EXPECT_EQ(TrySample(kOp, sample, {}, &out).message(),
            "strata::adamw: exp_avgs[0] has dtype float32, wanted float64 as params");
}

// Without a gradient only the decay is left, and the moments stay zero.
TEST(AdamW, NoGradientLeavesTheDecay) {
  for (const double decay : {0.0, 0.25}) {
    std::vector<double> p = {1, -3, 0.1}, g(3, 0.0), m(3, 0.0), v(3, 0.0);
    const std::vector<double> before = p;
    OwnedCall sample(kAdamW);
    std::vector<double>* tensors[] = {&p, &g, &m, &v};
    for (size_t list = 0; list < 4; ++list) sample.lists[list] = {MakeView(tensors[list]->data(), DType::kF64, {3})};
    sample.call.attrs[1].f = 0.5;
    sample.call.attrs[5].f = decay;
    const Outputs out = RunSample(kOp, sample);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(out.views[0].In<double>()[i], before[static_cast<size_t>(i)] * (1 - 0.5 * decay));
      EXPECT_EQ(out.views[1].In<double>()[i], 0);
      EXPECT_EQ(out.views[2].In<double>()[i], 0);
    }
  }
}

}  // namespace
}  // namespace strata
