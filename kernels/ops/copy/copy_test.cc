// Layouts that the conformance test's slices do not reach: permutations, expansions, gaps; exact bits.
#include "kernels/ops/copy/copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/base/thread_pool.h"

namespace strata {
namespace {

// Runs the kernel itself (Invoke lets only layouts with neighbours in the last dim through) and the reference.
template <class T, class Bits>
void ExpectSameCopies(TensorView x, int threads) {
  ThreadPool pool(threads);
  OpContext context;
  context.parallel = &pool;
  TensorView y = x;
  y.MakeContiguous();
  std::vector<T> got(static_cast<size_t>(x.numel())), want(got.size());
  y.data = got.data();
  CopyCpu(context, x, y);
  y.data = want.data();
  CopyRef(context, x, y);
  const auto* g = reinterpret_cast<const Bits*>(got.data());
  const auto* w = reinterpret_cast<const Bits*>(want.data());
  EXPECT_TRUE(std::equal(g, g + got.size(), w)) << ShapeText(x);
}

template <class T, class Bits>
void ExpectSameCopiesOfRandomLayouts(DType dtype) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    TensorView x;
    x.dtype = dtype;
    x.rank = static_cast<int>(random() % 5);
    int order[4] = {0, 1, 2, 3};
    std::shuffle(order, order + x.rank, random);
    int64_t span = 1;
    for (int i = 0; i < x.rank; ++i) {
      const auto dim = static_cast<size_t>(order[i]);
      constexpr int64_t kSizes[] = {1, 2, 3, 5, 31, 33, 40};
      x.sizes[dim] = kSizes[random() % (x.rank > 3 ? 5 : 7)];
      const bool expanded = random() % 8 == 0;
      x.strides[dim] = expanded ? 0 : span;
      if (!expanded) span = span * x.sizes[dim] + static_cast<int64_t>(random() % 3 == 0 ? random() % 4 : 0);
    }
    std::vector<Bits> memory(static_cast<size_t>(span));
    for (Bits& v : memory) v = static_cast<Bits>(random());  // NaNs of every kind among them
    x.data = memory.data();
    ExpectSameCopies<T, Bits>(x, 1 + round % 3);
  }
}

TEST(Copy, AnyStridesInFloat32) { ExpectSameCopiesOfRandomLayouts<float, uint32_t>(DType::kF32); }
TEST(Copy, AnyStridesInBytes) { ExpectSameCopiesOfRandomLayouts<uint8_t, uint8_t>(DType::kU8); }
TEST(Copy, AnyStridesInFloat64) { ExpectSameCopiesOfRandomLayouts<double, uint64_t>(DType::kF64); }
TEST(Copy, AnyStridesInBfloat16) { ExpectSameCopiesOfRandomLayouts<BF16, uint16_t>(DType::kBF16); }

TEST(Copy, ATranspositionIsOne) {
  std::vector<float> x(70 * 90), y(x.size());
  std::iota(x.begin(), x.end(), 0.0f);
  TensorView from = MakeView(x.data(), DType::kF32, {90, 70});
  from.strides = {1, 90};
  CopyCpu({}, from, MakeView(y.data(), DType::kF32, {90, 70}));
  for (size_t i = 0; i < 90; ++i) {
    for (size_t j = 0; j < 70; ++j) ASSERT_EQ(y[i * 70 + j], x[j * 90 + i]);
  }
}

}  // namespace
}  // namespace strata
