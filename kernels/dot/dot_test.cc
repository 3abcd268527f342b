#include <gtest/gtest.h>

#include <bit>
#include <mutex>
#include <random>
#include <vector>

#include "kernels/base/aligned_buffer.h"
#include "kernels/base/cpu_features.h"
#include "kernels/base/thread_pool.h"
#include "kernels/core/dtype.h"
#include "kernels/dot/bf16_product.h"
#include "kernels/dot/dot_gemm.h"
#include "kernels/dot/dot_pack.h"
#include "kernels/dot/dot_rows.h"

namespace strata {
namespace {

// A kernel of tall tiles, as AMX has them, by means of the plain one.
const DotKernel& Tall() {
  static constexpr DotKernel kTall = {32, [](const DotTile& tile, size_t rows, size_t panels) {
                                        for (size_t r = 0; r < rows; r += 8) {
                                          DotTile part = tile;
                                          part.a += r * tile.a_row;
                                          part.sums += r * tile.sums_row;
                                          Int8PlainKernel().tile(part, std::min<size_t>(8, rows - r), panels);
                                        }
                                      }};
  return kTall;
}

// The same, with threads' rows shared out in multiples of four.
const DotKernel& TallShared() {
  static const DotKernel kShared = [] {
    DotKernel kernel = Tall();
    kernel.row_unit = 4;
    return kernel;
  }();
  return kShared;
}

std::vector<int8_t> Bytes(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int8_t> bytes(n);
  for (int8_t& b : bytes) b = static_cast<int8_t>(random());
  return bytes;
}

// x (m x k) times w (n x k) transposed, exactly.
std::vector<int32_t> Product(const DotKernel& kernel, size_t m, size_t n, size_t k, int threads, bool packed) {
  const std::vector<int8_t> x = Bytes(m * k, 1), w = Bytes(n * k, 2);
  const DotShape shape{m, n, DotSteps(k, 4)};
  ThreadPool pool(threads);
  const OpContext context{.parallel = &pool};
  AlignedBuffer workspace(PlanDot(shape, packed, kernel, threads).bytes());
  AlignedBuffer panels(DotPackedBytes(n, shape.steps));
  const auto pack_a = [&](size_t row, size_t rows, uint32_t* out, size_t block) {
    PackRows(x.data() + row * k, k, rows, k, shape.steps, out, block);
  };
  const auto pack_b = [&](size_t column, size_t first, size_t steps, uint32_t* out) {
    PackPanelPlain(w.data() + column * k, k, std::min(kPanelColumns, n - column), k, first, steps, out);
  };
  auto* b = reinterpret_cast<uint32_t*>(panels.data());
  for (size_t column = 0; packed && column < n; column += kPanelColumns) {
    pack_b(column, 0, shape.steps, b + column * shape.steps);
  }
  std::vector<int32_t> y(m * n, -1);
  const auto finish = [&](const DotSums& sums) {
    for (size_t r = 0; r < sums.rows; ++r) {
      for (size_t c = 0; c < sums.columns; ++c) {
        y[(sums.row + r) * n + sums.column + c] = static_cast<int32_t>(sums.sums[r * sums.stride + c]);
      }
    }
  };
  DotGemm(context, kernel, shape, {pack_a, packed ? b : nullptr, pack_b, nullptr, finish, {}}, workspace.data());
  return y;
}

TEST(DotTest, TwoThreadsShareRowsEvenlyAndFewRowsByColumns) {
  const DotPlan many = PlanDot({516, 512, 128}, /*packed=*/true, TallShared(), 2);
  EXPECT_EQ(many.row_parts, 2u);
  EXPECT_EQ(many.row_unit, 4u);
  EXPECT_EQ(many.group_rows, 96u);
  // Both would read all of a wide weight.
  EXPECT_EQ(PlanDot({16, 1536, 96}, /*packed=*/true, TallShared(), 2).column_parts, 2u);
}

TEST(DotTest, TallTilesAndShortOnesAgreeInEveryShape) {
  for (const auto& [m, n, k] :
       {std::array<size_t, 3>{1, 1, 1}, {33, 70, 9}, {31, 33, 2049}, {130, 65, 5000}, {300, 40, 300}}) {
    const std::vector<int8_t> x = Bytes(m * k, 1), w = Bytes(n * k, 2);
    for (const DotKernel* kernel : {&Tall(), &TallShared(), &Int8PlainKernel()}) {
      for (const int threads : {1, 2, 7}) {
        for (const bool packed : {false, true}) {
          const std::vector<int32_t> got = Product(*kernel, m, n, k, threads, packed);
          for (size_t i = 0; i < m * n; i += 1 + i % 7) {
            int32_t want = 0;
            for (size_t j = 0; j < k; ++j) want += x[i / n * k + j] * w[i % n * k + j];
            ASSERT_EQ(got[i], want) << m << " " << n << " " << k << " at " << i;
          }
        }
      }
    }
  }
}

TEST(DotTest, AFewRowsOfAPlainWeightGiveExactSums) {
  std::vector<const DotKernel*> kernels = {&Int8PlainKernel()};
  if (Cpu().avx2) kernels.push_back(&Int8Avx2Kernel());
  if (Cpu().avx_vnni) kernels.push_back(&Int8AvxVnniKernel());
  if (Cpu().avx512_vnni) kernels.push_back(&Int8VnniKernel());
  const size_t n = 70;
  for (const size_t k : {1u, 31u, 64u, 300u, 2100u}) {
    std::vector<int8_t> w = Bytes(n * k, 2);
    std::fill(w.begin(), w.begin() + static_cast<ptrdiff_t>(k), -128);
    for (size_t m = 1; m <= kDotFewRows; ++m) {
      std::vector<int8_t> x = Bytes(m * k, 1);
      for (int8_t& v : x) v = std::max<int8_t>(v, -127);
      std::fill(x.begin(), x.begin() + static_cast<ptrdiff_t>(k), 127);
      const DotShape shape{m, n, DotSteps(k, 4)};
      for (const DotKernel* kernel : kernels) {
        ThreadPool pool(2);
        const OpContext context{.parallel = &pool};
        AlignedBuffer workspace(DotFewRowsBytes(shape));
        size_t outputs = 0;
        const auto pack_a = [&](size_t row, size_t rows, uint32_t* out, size_t block) {
          PackRows(x.data() + row * k, k, rows, k, shape.steps, out, block);
        };
        const auto pack_b = [](size_t, size_t, size_t, uint32_t*) { FAIL() << "packed"; };
        std::mutex mutex;
        const auto finish = [&](const DotSums& sums) {
          const std::lock_guard lock(mutex);
          outputs += sums.rows * sums.columns;
          for (size_t r = 0; r < sums.rows; ++r) {
            for (size_t c = 0; c < sums.columns; ++c) {
              int32_t want = 0;
              for (size_t j = 0; j < k; ++j) want += x[r * k + j] * w[(sums.column + c) * k + j];
              EXPECT_EQ(static_cast<int32_t>(sums.sums[r * sums.stride + c]), want) << m << " " << k;
            }
          }
        };
        DotGemm(context, *kernel, shape, {pack_a, nullptr, pack_b, nullptr, finish, {}, {w.data(), k}},
                workspace.data());
        EXPECT_EQ(outputs, m * n);
      }
    }
  }
}

TEST(DotTest, PanelsPackedByAvx512AreThePlainOnes) {
  if (!Cpu().avx512) GTEST_SKIP() << "no AVX-512 here";
  for (const size_t columns : {1u, 15u, 16u, 17u, 32u}) {
    for (const size_t bytes : {1u, 63u, 64u, 130u, 700u}) {
      const std::vector<int8_t> source = Bytes(columns * bytes, 3);
      const size_t steps = DotSteps(bytes, 4);
      for (size_t first = 0; first < steps; first += 32) {
        const size_t count = std::min<size_t>(32, steps - first);
        std::vector<uint32_t> want(count * kPanelColumns, 1), got(count * kPanelColumns, 2);
        PackPanelPlain(source.data(), bytes, columns, bytes, first, count, want.data());
        PackPanelAvx512(source.data(), bytes, columns, bytes, first, count, got.data());
        EXPECT_EQ(got, want) << columns << " " << bytes << " " << first;
      }
    }
  }
}

// Every bfloat16 and the numbers around and between it and the next, but for denormal ones.
TEST(Bf16ProductTest, SumsAreRoundedToNearestEven) {
  if (!Cpu().avx512_bf16) GTEST_SKIP() << "no AVX512-BF16 here";
  constexpr size_t kRows = 3, kStride = 2 * kPanelColumns, kColumns = 45, kWidth = 61;
  std::vector<uint32_t> values;
  for (uint32_t top = 0; top < 0x10000; ++top) {
    if ((top & 0x7f80u) == 0 && (top & 0x7fffu) != 0) continue;
    for (const uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      if ((top & 0x7fffu) != 0 || low == 0) values.push_back(top << 16 | low);
    }
  }
  std::vector<uint32_t> sums(kRows * kStride);
  for (size_t first = 0; first + kRows * kColumns <= values.size(); first += kRows * kColumns) {
    for (size_t i = 0; i < kRows * kColumns; ++i) sums[i / kColumns * kStride + i % kColumns] = values[first + i];
    std::vector<uint16_t> c(5 * kWidth, 7);
    StoreBf16Sums({sums.data(), kStride, 1, kRows, 8, kColumns, nullptr}, c.data(), kWidth);
    for (size_t i = 0; i < c.size(); ++i) {
      const size_t row = i / kWidth - 1, column = i % kWidth - 8;
      const bool inside = row < kRows && column < kColumns;
      const uint32_t from = inside ? values[first + row * kColumns + column] : 0;
      ASSERT_EQ(c[i], inside ? ToBF16(std::bit_cast<float>(from)).bits : 7) << std::hex << from << " at " << i;
    }
  }
}

TEST(CpuFeaturesTest, AreChangedWhileTheScopeLasts) {
  const bool had = Cpu().avx2;
  {
    const ScopedCpuFeaturesForTest without([](CpuFeatures& cpu) { cpu.avx2 = false; });
    EXPECT_FALSE(Cpu().avx2);
  }
  EXPECT_EQ(Cpu().avx2, had);
}

}  // namespace
}  // namespace strata
