// Calls of every kind, through every check of the conformance test, and what follows from the formula.
#include "kernels/ops/convolution/convolution.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "kernels/testing/conformance.h"
#include "kernels/testing/float_call.h"
#include "kernels/testing/random_call.h"

namespace strata {
namespace {

struct Case {
  int64_t batch, channels, height, width, outputs, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
  int64_t dilation_h, dilation_w, groups, activation;
  bool bias;
  int64_t depth = 1, kernel_d = 1;
};

constexpr Case kCases[] = {
    {2, 3, 9, 11, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 3, true},       // the usual one, with relu
    {1, 16, 40, 37, 24, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0, false},   // more than one block of k, several panels
    {3, 8, 7, 7, 16, 1, 1, 1, 1, 0, 0, 1, 1, 1, 4, true},       // pixels alone
    {1, 8, 8, 9, 16, 1, 1, 2, 2, 0, 0, 1, 1, 1, 0, false},      // every other pixel
    {2, 3, 23, 19, 13, 7, 5, 2, 3, 3, 2, 1, 1, 1, 0, true},     // a network's first layer
    {2, 6, 12, 12, 8, 3, 3, 1, 2, 2, 0, 2, 3, 2, 1, true},      // dilated, in two groups
    {2, 10, 13, 35, 10, 3, 3, 1, 1, 1, 1, 1, 1, 10, 0, true},   // depthwise
    {2, 19, 14, 14, 19, 5, 5, 2, 2, 2, 2, 1, 1, 19, 4, true},   // depthwise, a small map, more channels than lanes
    {1, 16, 9, 11, 16, 3, 4, 1, 3, 0, 2, 2, 1, 16, 0, false},   // depthwise, dilated, ends that no window sees
    {1, 9, 60, 150, 9, 3, 3, 1, 1, 1, 1, 1, 1, 9, 3, true},     // depthwise, a large map
    {1, 7, 20, 70, 14, 5, 5, 2, 2, 2, 2, 1, 1, 7, 3, true},     // depthwise with two outputs each, strided
    {1, 3, 9, 30, 3, 3, 2, 1, 3, 4, 3, 2, 5, 3, 0, false},      // depthwise, dilated, a stride that no power of two is
    {1, 4, 5, 6, 12, 2, 2, 1, 1, 0, 0, 1, 1, 4, 0, true},       // three outputs each: packed
    {1, 1, 3, 3, 1, 3, 3, 1, 1, 5, 5, 1, 1, 1, 0, false},       // places that see nothing but padding
    {3, 20, 14, 13, 34, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0, true},    // small maps, taken together
    {5, 33, 7, 7, 20, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, true},      // pixels of small maps
    {3, 20, 14, 14, 40, 3, 3, 2, 2, 1, 1, 1, 1, 2, 0, true},    // strided small maps, in groups
    {4, 150, 1, 1, 30, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, true},     // maps of one place
    {1, 5, 40, 41, 14, 1, 1, 2, 2, 0, 0, 1, 1, 1, 0, true},     // every other pixel of a large map
    {1, 6, 61, 45, 14, 3, 5, 2, 3, 1, 3, 2, 1, 2, 3, true},     // a large map, strided, dilated, in groups
    {2, 130, 18, 17, 12, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, false},  // pixels of large maps
    {2, 5, 20, 18, 3, 2, 3, 1, 1, 0, 0, 1, 1, 1, 0, false},     // no padding: x is read as it lies
    {1, 2, 1, 64, 3, 1, 9, 1, 1, 0, 4, 1, 1, 1, 0, true},       // one dim alone
    {0, 2, 4, 4, 3, 2, 2, 1, 1, 0, 0, 1, 1, 1, 0, true},        // no image
    {2, 3, 6, 7, 5, 3, 2, 1, 2, 1, 0, 1, 1, 1, 3, true, 5, 2},  // volumes
    {1, 4, 6, 9, 4, 3, 3, 2, 1, 1, 1, 1, 2, 4, 0, true, 7, 3},  // volumes, depthwise
};

OwnedCall Make(const Case& c, DType dtype, uint64_t seed) {
  std::mt19937_64 random(seed);
  OwnedCall sample(kConvolution);
  sample.call.inputs[0] = RandomTensor(sample, dtype, {c.batch, c.channels, c.depth, c.height, c.width}, random);
  sample.call.inputs[1] =
      RandomTensor(sample, dtype, {c.outputs, c.channels / c.groups, c.kernel_d, c.kernel_h, c.kernel_w}, random);
  if (c.bias) sample.call.inputs[2] = RandomTensor(sample, dtype, {c.outputs}, random);
  // In depth the stride is the height's, and there is neither padding nor dilation.
  const int64_t attrs[] = {c.stride_h, c.stride_h,   c.stride_w,   0,        c.padding_h, c.padding_w,
                           1,          c.dilation_h, c.dilation_w, c.groups, c.activation};
  for (size_t i = 0; i < std::size(attrs); ++i) sample.call.attrs[i].i = attrs[i];
  return sample;
}

TEST(Convolution, PassesEveryCheck) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    for (size_t i = 0; i < std::size(kCases); ++i) {
      EXPECT_EQ(CheckAll(ops::convolution::kOps[0], Make(kCases[i], dtype, i + 1)), "") << i << " " << NameOf(dtype);
    }
  }
}

// A kernel of one 1 at tap (r, s) moves the image by (padding - r, padding - s).
TEST(Convolution, AnImpulseMovesTheImage) {
  std::vector<float> x(5 * 6);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1);
  for (int64_t r = 0; r < 3; ++r) {
    for (int64_t s = 0; s < 3; ++s) {
      std::vector<float> weight(9), want(x.size());
      weight[static_cast<size_t>(r * 3 + s)] = 1;
      for (int64_t i = 0; i < 5; ++i) {
        for (int64_t j = 0; j < 6; ++j) {
          const int64_t h = i + r - 1, w = j + s - 1;
          if (h >= 0 && h < 5 && w >= 0 && w < 6)
            want[static_cast<size_t>(i * 6 + j)] = x[static_cast<size_t>(h * 6 + w)];
        }
      }
      OwnedCall sample(kConvolution);
      std::vector<float> image = x;
      sample.call.inputs[0] = MakeView(image.data(), DType::kF32, {1, 1, 1, 5, 6});
      sample.call.inputs[1] = MakeView(weight.data(), DType::kF32, {1, 1, 1, 3, 3});
      sample.call.attrs[4].i = sample.call.attrs[5].i = 1;
      const Outputs out = RunSample(ops::convolution::kOps[0], sample);
      const float* y = out.views[0].In<float>();
      EXPECT_EQ(std::vector<float>(y, y + want.size()), want) << r << " " << s;
    }
  }
}

TEST(Convolution, SaysWhatDoesNotFit) {
  const auto message = [](Case c, int64_t channels) {
    OwnedCall sample = Make(c, DType::kF32, 1);
    std::mt19937_64 random(2);
    sample.call.inputs[0] = RandomTensor(sample, DType::kF32, {1, channels, 1, c.height, c.width}, random);
    Outputs out;
    return std::string(TrySample(ops::convolution::kOps[0], sample, {}, &out).message());
  };
  Case c = {1, 4, 5, 5, 6, 3, 3, 1, 1, 0, 0, 1, 1, 2, 0, false};
  EXPECT_NE(message(c, 6).find("wanted 4 channels beside a weight of shape [6, 2, 1, 3, 3]"), std::string::npos);
  c.outputs = 5;
  EXPECT_NE(message(c, 4).find("groups is 2, wanted a divisor of the weight's 5 output channels"), std::string::npos);
  c.outputs = 6;
  c.height = 2;
  EXPECT_NE(message(c, 4).find("wanted images that hold a kernel"), std::string::npos);
}

}  // namespace
}  // namespace strata
