// The matrix product that ops share: C[m, n] = epilogue(sum over k of A[m, k] * B[k, n]). Included once per SIMD
// target.
//
// What is computed (docs/design/numerics.md): for every output one chain of fused multiply-adds along k, in order, from
// zero, within a block of kSumBlock steps; block results are added to the total in order. Vectors run across outputs,
// never along k, so tiles, threads, neighbours, SIMD width and packing change nothing.
//
//   Gemm(context, {m, n, k}, Matrix<T>{x, k, 1}, Matrix<T>{weight, 1, k}, packed_or_nullptr, epilogue);
//
// The epilogue gets (d, row, column, totals, count): the first `count` lanes of `totals` are outputs (all of them where
// count is no less than the vector's length). It is called once for every output, from several threads.
#if defined(STRATA_KERNELS_SIMD_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_GEMM_INL_H_
#undef STRATA_KERNELS_SIMD_GEMM_INL_H_
#else
#define STRATA_KERNELS_SIMD_GEMM_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "kernels/core/op_context.h"
#include "kernels/simd/gemm_plan.h"
#include "kernels/simd/pack-inl.h"
#include "kernels/simd/row-inl.h"

// Accumulators must be unrolled to live in registers.
#undef STRATA_UNROLL
#if defined(__clang__)
#define STRATA_UNROLL _Pragma("unroll")
#else
#define STRATA_UNROLL _Pragma("GCC unroll 16")
#endif

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The element [i, j] is data[i * row_stride + j * column_stride].
template <class T>
struct Matrix {
  const T* data;
  size_t row_stride, column_stride;
};

// Accumulators of a tile: two vectors a row in 12 rows where there are 32 registers, in 6 where there are 16.
inline constexpr size_t kTileRows = HWY_TARGET == HWY_AVX2 ? 6 : 12;
inline constexpr size_t kTileVectors = 2;

// c[r, :] = (start ? 0 : c[r, :]) + sum over k of a[r, k] * b[k, :], kRows rows of two vectors, where a[r, k] is
// a[r * kRowStep + k * kStep] and rows of b and c are kPanel apart. With kBlockSum the chain starts from zero and its
// result is added to c; otherwise the chain goes on from c.
template <size_t kRows, size_t kRowStep, size_t kStep, size_t kPanel, bool kBlockSum, class D, class F>
HWY_INLINE void TilePass(D d, const F* HWY_RESTRICT a, const F* HWY_RESTRICT b, size_t steps, bool start,
                         F* HWY_RESTRICT c) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  hn::Vec<D> acc[kRows][kTileVectors];
  STRATA_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_UNROLL
    for (size_t v = 0; v < kTileVectors; ++v) {
      acc[r][v] = kBlockSum || start ? hn::Zero(d) : hn::LoadU(d, c + r * kPanel + v * kLanes);
    }
  }
  for (size_t k = 0; k < steps; ++k) {
    hwy::Prefetch(b + 8 * kPanel);
    const auto b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + kLanes);
    STRATA_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      const auto value = hn::Set(d, a[r * kRowStep]);
      acc[r][0] = hn::MulAdd(value, b0, acc[r][0]);
      acc[r][1] = hn::MulAdd(value, b1, acc[r][1]);
    }
    a += kStep;
    b += kPanel;
  }
  STRATA_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_UNROLL
    for (size_t v = 0; v < kTileVectors; ++v) {
      F* at = c + r * kPanel + v * kLanes;
      if (kBlockSum && !start) acc[r][v] = hn::Add(hn::LoadU(d, at), acc[r][v]);
      hn::StoreU(acc[r][v], d, at);
    }
  }
}

// A whole panel's width.
template <size_t kRows, size_t kRowStep, size_t kStep, bool kBlockSum, class D, class F>
HWY_INLINE void TilePanel(D d, const F* a, const F* b, size_t steps, bool start, F* c) {
  constexpr size_t kPass = kTileVectors * hn::MaxLanes(D()), kPanel = kPanelBytes / sizeof(F);
  for (size_t half = 0; half < kPanel; half += kPass) {
    TilePass<kRows, kRowStep, kStep, kPanel, kBlockSum>(d, a, b + half, steps, start, c + half);
  }
}

// Calls tile(std::integral_constant<size_t, kRows>, row) for tiles that cover [0, rows), the tallest first.
template <class Tile>
HWY_INLINE void ForEachTile(size_t rows, Tile tile) {
  size_t r = 0;
  for (; r + kTileRows <= rows; r += kTileRows) tile(std::integral_constant<size_t, kTileRows>(), r);
  if (kTileRows > 8 && r + 8 <= rows) tile(std::integral_constant<size_t, 8>(), r), r += 8;
  if (r + 4 <= rows) tile(std::integral_constant<size_t, 4>(), r), r += 4;
  if (r + 2 <= rows) tile(std::integral_constant<size_t, 2>(), r), r += 2;
  if (r < rows) tile(std::integral_constant<size_t, 1>(), r);
}

// The sums of one tile, all blocks of k. `a` is a panel of kRows rows, `b` one of columns.
template <size_t kRows, class F>
HWY_NOINLINE void GemmTile(const F* a, const F* b, size_t k, F* sums) {
  const hn::ScalableTag<F> d;
  constexpr size_t kPanel = kPanelBytes / sizeof(F);
  size_t block = 0;
  do {  // once for k == 0, too: an empty sum is zero
    TilePanel<kRows, 1, kRows, true>(d, a + block * kRows, b + block * kPanel, std::min(kSumBlock, k - block),
                                     block == 0, sums);
    block += kSumBlock;
  } while (block < k);
}

// Not part of GemmTile: an epilogue is long, and there are five heights of tiles.
template <class F, class Epilogue>
HWY_NOINLINE void FinishTile(const F* sums, size_t rows, size_t columns, size_t row, size_t column,
                             const Epilogue& epilogue) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>()), kPanel = kPanelBytes / sizeof(F);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < columns; i += kLanes) {
      epilogue(d, row + r, column + i, hn::LoadU(d, sums + r * kPanel + i), columns - i);
    }
  }
}

// One part of C, on one thread.
template <class F, class TA, class TB, class Epilogue>
void GemmPart(const GemmPlan& plan, GemmShape shape, Matrix<TA> a, Matrix<TB> b, const F* packed, size_t part,
              F* workspace, const Epilogue& epilogue) {
  constexpr size_t kPanel = kPanelBytes / sizeof(F);
  const size_t units = (shape.m + kGemmRowUnit - 1) / kGemmRowUnit, panels = (shape.n + kPanel - 1) / kPanel;
  const size_t i = part / plan.column_parts, j = part % plan.column_parts;
  const size_t first_row = units * i / plan.row_parts * kGemmRowUnit;
  const size_t last_row = std::min(shape.m, units * (i + 1) / plan.row_parts * kGemmRowUnit);
  const size_t first_panel = panels * j / plan.column_parts, last_panel = panels * (j + 1) / plan.column_parts;
  const bool one_group = last_row - first_row <= plan.group_rows;
  F* const panel_space = workspace + AlignUp(plan.group_rows * shape.k * sizeof(F)) / sizeof(F);
  for (size_t group = first_row; group < last_row; group += plan.group_rows) {
    const size_t rows = std::min(plan.group_rows, last_row - group);
    ForEachTile(rows, [&](auto tile, size_t r) HWY_ATTR {
      PackPanel<tile()>(a.data + (group + r) * a.row_stride, a.row_stride, a.column_stride, tile(), shape.k,
                        workspace + r * shape.k);
    });
    for (size_t p = first_panel; p < last_panel; ++p) {
      const size_t columns = std::min(kPanel, shape.n - p * kPanel);
      const F* panel;
      if (packed != nullptr) {
        panel = packed + p * kPanel * shape.k;
      } else {
        // With one group a panel is used at once, and its memory again; else all are kept for the groups that follow.
        F* space = panel_space + (one_group ? 0 : (p - first_panel) * kPanel * shape.k);
        if (group == first_row) {
          PackPanel<kPanel>(b.data + p * kPanel * b.column_stride, b.column_stride, b.row_stride, columns, shape.k,
                            space);
        }
        panel = space;
      }
      ForEachTile(rows, [&](auto tile, size_t r) HWY_ATTR {
        HWY_ALIGN F sums[tile() * kPanel];
        GemmTile<tile()>(workspace + r * shape.k, panel, shape.k, sums);
        FinishTile(sums, tile(), columns, group + r, p * kPanel, epilogue);
      });
    }
  }
}

// A is m x k and B k x n, each with one stride of 1 where it is to be fast. `packed`: B from PackB, or nullptr.
// REQUIRES: context.workspace has PlanGemm(shape, sizeof(F), packed != nullptr, threads).bytes() bytes.
template <class F, class TA, class TB, class Epilogue>
void Gemm(const OpContext& context, GemmShape shape, Matrix<TA> a, Matrix<TB> b, const F* packed,
          const Epilogue& epilogue) {
  if (shape.m == 0 || shape.n == 0) return;
  const GemmPlan plan = PlanGemm(shape, sizeof(F), packed != nullptr, context.parallel->num_threads());
  const auto run = [&](int part) {
    std::byte* workspace = context.workspace + static_cast<size_t>(part) * plan.part_bytes;
    GemmPart<F>(plan, shape, a, b, packed, static_cast<size_t>(part), reinterpret_cast<F*>(workspace), epilogue);
  };
  if (plan.parts() == 1) return run(0);
  context.parallel->Run(static_cast<int>(plan.parts()), run);
}

// Writes the panels of B, PackedBytes(n, k, sizeof(F)) bytes.
template <class F, class T>
void PackB(GemmShape shape, Matrix<T> b, F* out) {
  constexpr size_t kPanel = kPanelBytes / sizeof(F);
  for (size_t column = 0; column < shape.n; column += kPanel) {
    PackPanel<kPanel>(b.data + column * b.column_stride, b.column_stride, b.row_stride,
                      std::min(kPanel, shape.n - column), shape.k, out + column * shape.k);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_GEMM_INL_H_
