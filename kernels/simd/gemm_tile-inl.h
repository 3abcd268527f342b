// The innermost part of gemm-inl.h: a tile of the product, from rows of A and a panel of B that are packed. Included
// once per SIMD target.
//
//   GemmTile<12>(rows, panel, k, /*start=*/true, sums);   // sums[12][a panel's columns]
#if defined(STRATA_KERNELS_SIMD_GEMM_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_GEMM_TILE_INL_H_
#undef STRATA_KERNELS_SIMD_GEMM_TILE_INL_H_
#else
#define STRATA_KERNELS_SIMD_GEMM_TILE_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "kernels/simd/gemm_plan.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators of a tile: two vectors a row in 12 rows where there are 32 registers, in 6 where there are 16.
inline constexpr size_t kTileRows = HWY_TARGET == HWY_AVX2 ? 6 : 12;
inline constexpr size_t kTileVectors = 2;

// Memory that is wanted soon: a line of it is asked for at every step of k, `step` bytes after the one before, and
// `pass` bytes further on in a tile's second pass (kPanelPasses).
struct Ahead {
  const std::byte* at = nullptr;
  size_t step = 0, pass = 0;
};

// What a tile asks for besides its own numbers: B's next panel, and rows of A. Into the second-level cache: the first
// has no room for it.
struct AheadOfTile {
  Ahead b, a;
};
HWY_INLINE void CallAhead(const AheadOfTile& ahead, size_t k) {
  __builtin_prefetch(ahead.b.at + k * ahead.b.step, /*rw=*/0, /*locality=*/2);
  __builtin_prefetch(ahead.a.at + k * ahead.a.step, /*rw=*/0, /*locality=*/2);
}

// Passes over k that a panel takes.
template <class F>
inline constexpr size_t kPanelPasses = kPanelBytes / sizeof(F) / (kTileVectors * hn::MaxLanes(hn::ScalableTag<F>()));

// sums[r, :] = before[r, :] + sum over k of a[k * kRows + r] * b[k, :], kRows rows of two vectors; rows of b and of
// sums are a panel apart, those of `before` (nullptr: zeros) `stride`. One chain for each sum: no more than kSumBlock
// steps.
template <size_t kRows, class D, class F>
HWY_INLINE void TilePass(D d, const F* HWY_RESTRICT a, const F* HWY_RESTRICT b, size_t steps, const F* before,
                         size_t stride, F* sums, const AheadOfTile& ahead) {
  constexpr size_t kLanes = hn::MaxLanes(D()), kPanel = kPanelBytes / sizeof(F);
  // A few rows wait for memory, so that they call further ahead, for both lines of a step.
  constexpr size_t kFurther = (kRows <= kFewRows ? 32 : 8) * kPanel;
  hn::Vec<D> acc[kRows][kTileVectors];
  STRATA_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_UNROLL
    for (size_t v = 0; v < kTileVectors; ++v) acc[r][v] = hn::Zero(d);
  }
  for (size_t k = 0; k < steps; ++k) {
    hwy::Prefetch(b + kFurther);
    if (kRows <= kFewRows) hwy::Prefetch(b + kFurther + kPanel / 2);
    if (kRows > 4) CallAhead(ahead, k);
    const auto b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + kLanes);
    STRATA_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      const auto value = hn::Set(d, a[r]);
      acc[r][0] = hn::MulAdd(value, b0, acc[r][0]);
      acc[r][1] = hn::MulAdd(value, b1, acc[r][1]);
    }
    a += kRows;
    b += kPanel;
  }
  STRATA_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_UNROLL
    for (size_t v = 0; v < kTileVectors; ++v) {
      if (before != nullptr) acc[r][v] = hn::Add(hn::LoadU(d, before + r * stride + v * kLanes), acc[r][v]);
      hn::StoreU(acc[r][v], d, sums + r * kPanel + v * kLanes);
    }
  }
}

constexpr size_t TallestTile(size_t tile_rows) { return tile_rows > 8 ? kTileRows : kTileRows > 8 ? 8 : 4; }

// Calls tile(std::integral_constant<size_t, kRows>, row) for tiles that cover [0, rows), the tallest first.
template <class Tile>
HWY_INLINE void ForEachTile(size_t rows, size_t tile_rows, Tile tile) {
  size_t r = 0;
  for (; TallestTile(tile_rows) == kTileRows && r + kTileRows <= rows; r += kTileRows) {
    tile(std::integral_constant<size_t, kTileRows>(), r);
  }
  for (; kTileRows > 8 && r + 8 <= rows; r += 8) tile(std::integral_constant<size_t, 8>(), r);
  for (; r + 4 <= rows; r += 4) tile(std::integral_constant<size_t, 4>(), r);
  if (r + 2 <= rows) tile(std::integral_constant<size_t, 2>(), r), r += 2;
  if (r < rows) tile(std::integral_constant<size_t, 1>(), r);
}

// The sums of one tile over k steps, added to `before`, whose rows are `stride` apart; nullptr: to zero. `a` is a panel
// of kRows rows, `b` one of columns; rows of sums are a panel apart. `before` is read after a block of k: until then it
// may be on its way from memory. Sums don't wait there: rows a power of two apart push each other out of the
// first-level cache.
template <size_t kRows, class F>
HWY_NOINLINE void GemmTile(const F* a, const F* b, size_t k, const F* before, size_t stride, F* sums,
                           AheadOfTile ahead = {}) {
  const hn::ScalableTag<F> d;
  constexpr size_t kPanel = kPanelBytes / sizeof(F), kColumns = kTileVectors * hn::MaxLanes(hn::ScalableTag<F>());
  // Asking for what is there costs least.
  if (ahead.b.at == nullptr) ahead.b.at = reinterpret_cast<const std::byte*>(b);
  if (ahead.a.at == nullptr) ahead.a.at = reinterpret_cast<const std::byte*>(b);
  size_t block = 0;
  do {  // once for k == 0, too: an empty sum is zero
    const size_t steps = std::min(kSumBlock, k - block);
    AheadOfTile pass = ahead;
    for (size_t column = 0; column < kPanel; column += kColumns) {
      TilePass<kRows>(d, a + block * kRows, b + block * kPanel + column, steps,
                      before == nullptr ? nullptr : before + column, stride, sums + column, pass);
      pass.b.at += pass.b.pass, pass.a.at += pass.a.pass;
    }
    before = sums, stride = kPanel;
    ahead.b.at += steps * ahead.b.step, ahead.a.at += steps * ahead.a.step;
    block += kSumBlock;
  } while (block < k);
}

// Not part of GemmTile: an epilogue is long, and there are five heights of tiles. One with a function Tile gets all of
// the sums at once.
template <class F, class Epilogue>
HWY_NOINLINE void FinishTile(const F* sums, size_t stride, size_t rows, size_t columns, size_t row, size_t column,
                             const Epilogue& epilogue) {
  if constexpr (requires { epilogue.Tile(sums, stride, rows, columns, row, column); }) {
    epilogue.Tile(sums, stride, rows, columns, row, column);
  } else {
    const hn::ScalableTag<F> d;
    constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t i = 0; i < columns; i += kLanes) {
        epilogue(d, row + r, column + i, hn::LoadU(d, sums + r * stride + i), columns - i);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
