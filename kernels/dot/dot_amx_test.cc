// AMX's kernels, with the processor's instructions written out in C++ (tiles_for_test.h).
#include <gtest/gtest.h>

#if defined(__x86_64__)

#include <algorithm>
#include <bit>
#include <random>
#include <vector>

#include "kernels/base/aligned_buffer.h"
#include "kernels/base/cpu_features.h"
#include "kernels/base/thread_pool.h"
#include "kernels/dot/bf16_product.h"
#include "kernels/dot/dot_gemm.h"
#include "kernels/dot/dot_pack.h"
#include "kernels/dot/dot_rows.h"
#include "kernels/dot/tiles_for_test.h"

#define Bf16AmxKernel Bf16AmxInCpp
#define Int8AmxKernel Int8AmxInCpp
#include "kernels/dot/dot_amx.cc"
#undef Bf16AmxKernel
#undef Int8AmxKernel

namespace strata {
namespace {

// Around a tile's 16 and 32 rows and a panel's 32 columns; k around a group of 32, a block of 1,024 and a pass of
// 2,048.
constexpr Bf16Shape kShapes[] = {{1, 1, 1},    {15, 31, 32},   {16, 32, 33},   {17, 33, 31},  {31, 64, 64},
                                 {32, 65, 70}, {33, 40, 1025}, {48, 96, 2049}, {97, 70, 100}, {7, 5, 2300}};

class DotAmxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Cpu().avx512) GTEST_SKIP() << "the code around AMX's instructions is compiled for AVX-512";
  }
  std::mt19937_64 random_{7};
};

TEST_F(DotAmxTest, Bfloat16SumsAreTheDefinitionsInEveryShape) {
  const DotKernel& kernel = Bf16AmxInCpp();
  for (const Bf16Shape& shape : kShapes) {
    const auto [m, n, k] = shape;
    const auto numbers = [&](size_t count) {
      std::normal_distribution<float> normal;
      std::vector<uint16_t> v(count);
      for (uint16_t& x : v) x = static_cast<uint16_t>(std::bit_cast<uint32_t>(normal(random_)) >> 16);
      v[count / 2] = 0x0001;  // a denormal is zero
      return v;
    };
    const std::vector<uint16_t> a = numbers(m * k), b = numbers(n * k);
    AlignedBuffer panels(DotPackedBytes(n, DotSteps(k, 2)));
    PackBf16(shape, {b.data(), 1, k}, panels.data());
    for (const void* packed : {static_cast<const void*>(nullptr), static_cast<const void*>(panels.data())}) {
      ThreadPool pool(2);
      AlignedBuffer workspace(Bf16ProductBytes(kernel, shape, packed != nullptr, 2));
      const OpContext context{.parallel = &pool, .workspace = workspace.data()};
      std::vector<float> y(m * n, -1);
      const auto finish = [&](const DotSums& sums) {
        for (size_t r = 0; r < sums.rows; ++r) {
          const uint32_t* row = sums.sums + r * sums.stride;
          for (size_t c = 0; c < sums.columns; ++c)
            y[(sums.row + r) * n + sums.column + c] = std::bit_cast<float>(row[c]);
        }
      };
      Bf16Product(context, kernel, shape, {a.data(), k, 1}, {b.data(), 1, k}, packed, finish, {});
      for (size_t i = 0; i < m * n; ++i) {
        float want = 0;
        for (size_t g = 0; g < k; g += 32) {
          want = AddGroupAmx(want, &a[i / n * k + g], &b[i % n * k + g], std::min<size_t>(32, k - g));
        }
        ASSERT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(want))
            << m << " x " << n << " x " << k << " at " << i << ": " << y[i] << ", wanted " << want;
      }
    }
  }
}

TEST_F(DotAmxTest, Int8SumsAreExactInEveryShape) {
  for (const auto& [m, n, k] : kShapes) {
    std::vector<int8_t> x(m * k), w(n * k);
    for (std::vector<int8_t>* v : {&x, &w}) {
      for (int8_t& e : *v) e = static_cast<int8_t>(random_());
    }
    const DotShape shape{m, n, DotSteps(k, 4)};
    ThreadPool pool(2);
    const OpContext context{.parallel = &pool};
    AlignedBuffer workspace(DotGemmBytes(shape, false, Int8AmxInCpp(), 2));
    const auto pack_a = [&](size_t row, size_t rows, uint32_t* out, size_t block) {
      PackRows(x.data() + row * k, k, rows, k, shape.steps, out, block);
    };
    const auto pack_b = [&](size_t column, size_t first, size_t steps, uint32_t* out) {
      PackPanelPlain(w.data() + column * k, k, std::min(kPanelColumns, n - column), k, first, steps, out);
    };
    std::vector<int32_t> y(m * n, -1);
    const auto finish = [&](const DotSums& sums) {
      for (size_t r = 0; r < sums.rows; ++r) {
        const uint32_t* row = sums.sums + r * sums.stride;
        for (size_t c = 0; c < sums.columns; ++c)
          y[(sums.row + r) * n + sums.column + c] = static_cast<int32_t>(row[c]);
      }
    };
    DotGemm(context, Int8AmxInCpp(), shape, {pack_a, nullptr, pack_b, nullptr, finish, {}}, workspace.data());
    for (size_t i = 0; i < m * n; ++i) {
      int32_t want = 0;
      for (size_t j = 0; j < k; ++j) want += x[i / n * k + j] * w[i % n * k + j];
      ASSERT_EQ(y[i], want) << m << " x " << n << " x " << k << " at " << i;
    }
  }
}

}  // namespace
}  // namespace strata

#else

TEST(DotAmxTest, NeedsX86) { GTEST_SKIP() << "AMX is x86's"; }

#endif
