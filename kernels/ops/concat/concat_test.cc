// concat: everything that conformance_test checks of other operators, on calls that its own rules allow; exact bits.
#include "kernels/ops/concat/concat.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kernels/testing/conformance.h"

namespace strata {
namespace {

const OpDef& kOp = ops::concat::kOps[0];

TEST(Concat, AgreesWithTheReferenceAlongEveryDim) {
  std::mt19937_64 random(3);
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    for (int64_t dim = -3; dim < 3; ++dim) {
      for (const int64_t scale : {int64_t{1}, int64_t{40}}) {
        OwnedCall sample(kConcat);
        sample.call.attrs[0].i = dim;
        for (const int64_t size : {3, 0, 1, 7}) {
          std::array<int64_t, 3> sizes = {2, 5, 9};
          sizes[static_cast<size_t>(dim < 0 ? dim + 3 : dim)] = size * scale;
          sample.lists[0].push_back(RandomTensor(sample, dtype, {sizes[0], sizes[1], sizes[2]}, random, true));
        }
        const Outputs want = RunSample(kOp, sample, {.row = "ref"});
        EXPECT_EQ(CheckAll(kOp, sample), "") << dim;
        for (const int threads : {1, 2, 7}) {
          EXPECT_EQ(RunSample(kOp, sample, {.threads = threads}).memory, want.memory) << dim << " " << threads;
        }
      }
    }
  }
}

TEST(Concat, OneAfterTheOther) {
  std::vector<float> a = {1, 2, 3, 4}, b = {5, 6};
  OwnedCall sample(kConcat);
  sample.lists[0] = {MakeView(a.data(), DType::kF32, {2, 2}), MakeView(b.data(), DType::kF32, {2, 1})};
  sample.call.attrs[0].i = 1;
  const Outputs out = RunSample(kOp, sample);
  const auto* y = out.views[0].In<float>();
  EXPECT_EQ(std::vector<float>(y, y + 6), (std::vector<float>{1, 2, 5, 3, 4, 6}));
}

// Chunks of a tensor begin and end within its runs, and the output is large enough to pass the caches by.
TEST(Concat, LargeTensorsKeepTheirBits) {
  std::vector<uint32_t> a(1000 * 5003), b(1000 * 2001);
  std::iota(a.begin(), a.end(), 0u);
  std::iota(b.begin(), b.end(), 0x40000000u);
  OwnedCall sample(kConcat);
  sample.lists[0] = {MakeView(a.data(), DType::kF32, {1000, 5003}), MakeView(b.data(), DType::kF32, {1000, 2001})};
  sample.call.attrs[0].i = 1;
  const Outputs out = RunSample(kOp, sample, {.threads = 3});
  const auto* y = static_cast<const uint32_t*>(out.views[0].data);
  for (size_t r = 0; r < 1000; ++r) {
    ASSERT_TRUE(std::equal(&a[r * 5003], &a[r * 5003] + 5003, y + r * 7004)) << r;
    ASSERT_TRUE(std::equal(&b[r * 2001], &b[r * 2001] + 2001, y + r * 7004 + 5003)) << r;
  }
}

TEST(Concat, NamesWhatDoesNotFit) {
  std::vector<float> a(6);
  const auto error = [&](std::vector<TensorView> xs, int64_t dim) {
    OwnedCall sample(kConcat);
    sample.lists[0] = std::move(xs);
    sample.call.attrs[0].i = dim;
    Outputs out;
    return TrySample(kOp, sample, {}, &out).message();
  };
  const TensorView x = MakeView(a.data(), DType::kF32, {2, 3}), turned = MakeView(a.data(), DType::kF32, {3, 2});
  EXPECT_EQ(error({x, turned}, 0), "strata::concat: xs[1] has shape [3, 2], wanted [2, 3] but for dim 0");
  EXPECT_EQ(error({x, MakeView(a.data(), DType::kF32, {6})}, 0),
            "strata::concat: xs[1] has shape [6], wanted [2, 3] but for dim 0");
  EXPECT_EQ(error({x}, 2), "strata::concat: dim is 2, wanted -2 to 1");
  EXPECT_EQ(error({MakeView(a.data(), DType::kF32, {})}, 0),
            "strata::concat: xs[0] has shape [], wanted at least one dim");
}

}  // namespace
}  // namespace strata
