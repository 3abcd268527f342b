// Calls of every kind, through every check of the conformance test, and what follows from the definition.
#include "kernels/ops/pool/pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/testing/conformance.h"
#include "kernels/testing/random_call.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

// kernel, stride and padding in depth, height and width; count_outside; divisor
constexpr int64_t kAttrs[][11] = {
    {1, 2, 2, 1, 2, 2, 0, 0, 0, 1, 0}, {1, 3, 3, 1, 2, 2, 0, 1, 1, 1, 0}, {1, 3, 3, 1, 1, 1, 0, 1, 1, 0, 0},
    {2, 3, 5, 1, 2, 3, 1, 0, 2, 0, 0}, {1, 1, 7, 1, 1, 1, 0, 0, 3, 1, 5}, {3, 1, 1, 2, 1, 1, 1, 0, 0, 0, 0},
    {1, 4, 6, 1, 1, 5, 0, 2, 3, 1, 0}, {1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0},
};

OwnedCall Make(size_t which, int64_t operation, DType dtype, bool specials) {
  std::mt19937_64 random(which + 1);
  OwnedCall sample(kPool);
  const auto width = static_cast<int64_t>(6 + random() % 90);
  sample.call.inputs[0] = RandomTensor(sample, dtype, {2, 3, 5, 9, width}, random, specials);
  sample.call.attrs[0].i = operation;
  for (size_t i = 0; i < 11; ++i) sample.call.attrs[1 + i].i = kAttrs[which][i];
  return sample;
}

TEST(Pool, PassesEveryCheck) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    for (size_t i = 0; i < std::size(kAttrs); ++i) {
      for (const int64_t operation : {0, 1}) {
        for (const bool specials : {false, true}) {
          if (specials && operation == 1) continue;  // infinities of both signs: NaN or not is the order's
          EXPECT_EQ(CheckAll(ops::pool::kOps[0], Make(i, operation, dtype, specials)), "") << i << " " << NameOf(dtype);
        }
      }
    }
  }
}

TEST(Pool, TheGradientPassesEveryCheck) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    for (size_t i = 0; i < std::size(kAttrs); ++i) {
      for (const int64_t operation : {0, 1}) {
        const OwnedCall forward = Make(i, operation, dtype, false);
        const Outputs y = RunSample(ops::pool::kOps[0], forward);
        std::mt19937_64 random(i + 50);
        OwnedCall sample(kPoolBackward);
        const auto& s = y.views[0].sizes;
        sample.call.inputs[0] = RandomTensor(sample, dtype, {s[0], s[1], s[2], s[3], s[4]}, random);
        sample.call.inputs[1] = RandomTensor(sample, dtype, {2, 3, 5, 9, forward.call.inputs[0].size(4)}, random);
        for (size_t a = 0; a < 12; ++a) sample.call.attrs[a] = forward.call.attrs[a];
        EXPECT_EQ(CheckAll(ops::pool::kOps[1], sample), "") << i << " " << NameOf(dtype);
      }
    }
  }
}

std::vector<float> RunPoolBackward(std::vector<float> x, std::vector<float> grad, int64_t operation,
                                   std::vector<int64_t> attrs) {
  OwnedCall sample(kPoolBackward);
  sample.call.inputs[0] = MakeView(grad.data(), DType::kF32, {1, 1, 1, 1, static_cast<int64_t>(grad.size())});
  sample.call.inputs[1] = MakeView(x.data(), DType::kF32, {1, 1, 1, 1, static_cast<int64_t>(x.size())});
  sample.call.attrs[0].i = operation;
  for (size_t i = 0; i < attrs.size(); ++i) sample.call.attrs[1 + i].i = attrs[i];
  const Outputs out = RunSample(ops::pool::kOps[1], sample);
  const auto* g = out.views[0].In<float>();
  return {g, g + out.views[0].numel()};
}

TEST(Pool, TheGradientGoesToTheFirstOfTheLargestOrToAll) {
  const std::vector<float> x = {1, 4, 4, 2}, grad = {1, 10, 100, 1000};
  // Windows of three, one beyond each end.
  EXPECT_EQ(RunPoolBackward(x, grad, 0, {1, 1, 3, 1, 1, 1, 0, 0, 1, 1, 0}), (std::vector<float>{0, 111, 1000, 0}));
  EXPECT_EQ(RunPoolBackward(x, grad, 1, {1, 1, 3, 1, 1, 1, 0, 0, 1, 1, 1}), (std::vector<float>{11, 111, 1110, 1100}));
  EXPECT_EQ(RunPoolBackward(x, {6, 6, 6, 6}, 1, {1, 1, 3, 1, 1, 1, 0, 0, 1, 0, 0}), (std::vector<float>{5, 7, 7, 5}));
}

std::vector<float> RunPool(std::vector<float> x, int64_t operation, std::vector<int64_t> attrs) {
  OwnedCall sample(kPool);
  sample.call.inputs[0] = MakeView(x.data(), DType::kF32, {1, 1, 1, 1, static_cast<int64_t>(x.size())});
  sample.call.attrs[0].i = operation;
  for (size_t i = 0; i < attrs.size(); ++i) sample.call.attrs[1 + i].i = attrs[i];
  const Outputs out = RunSample(ops::pool::kOps[0], sample);
  const auto* y = out.views[0].In<float>();
  return {y, y + out.views[0].numel()};
}

TEST(Pool, OutsideIsNeitherTheLargestNorCountedUnlessAskedFor) {
  const std::vector<float> x = {-3, -5, -7};
  EXPECT_EQ(RunPool(x, 0, {1, 1, 3, 1, 1, 1, 0, 0, 1, 1, 0}), (std::vector<float>{-3, -3, -5}));
  EXPECT_EQ(RunPool(x, 1, {1, 1, 3, 1, 1, 1, 0, 0, 1, 0, 0}), (std::vector<float>{-4, -5, -6}));
  EXPECT_EQ(RunPool(x, 1, {1, 1, 3, 1, 1, 1, 0, 0, 1, 1, 0}), (std::vector<float>{-8.0f / 3, -5, -4}));
  EXPECT_EQ(RunPool(x, 1, {1, 1, 3, 1, 1, 1, 0, 0, 1, 1, 2}), (std::vector<float>{-4, -7.5f, -6}));
}

TEST(Pool, ANanIsInEveryWindowThatSeesIt) {
  std::vector<float> x(40, 1.0f);
  x[20] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> y = RunPool(x, 0, {1, 1, 3, 1, 1, 1, 0, 0, 1, 1, 0});
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i >= 19 && i <= 21) << i;
}

TEST(Pool, SaysWhatDoesNotFit) {
  const auto message = [](std::vector<int64_t> attrs) {
    std::vector<float> x(6);
    OwnedCall sample(kPool);
    sample.call.inputs[0] = MakeView(x.data(), DType::kF32, {1, 1, 1, 1, 6});
    for (size_t i = 0; i < attrs.size(); ++i) sample.call.attrs[1 + i].i = attrs[i];
    Outputs out;
    return std::string(TrySample(ops::pool::kOps[0], sample, {}, &out).message());
  };
  EXPECT_NE(message({1, 1, 3, 1, 1, 1, 0, 0, 2}).find("padding_w is 2, wanted at most half of kernel_w = 3"),
            std::string::npos);
  EXPECT_NE(message({1, 1, 7, 1, 1, 1, 0, 0, 0}).find("kernel_w is 7, wanted one that fits into 6"), std::string::npos);
}

}  // namespace
}  // namespace strata
