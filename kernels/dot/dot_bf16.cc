// bfloat16 by vdpbf16ps: for each pair along k, sum = fma(a1, b1, sum), then sum = fma(a0, b0, sum), every operand and
// result that is denormal taken as zero.
#include "kernels/dot/dot_rows.h"
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ",avx512bf16")
#include "kernels/dot/tile_avx512-inl.h"
#include "kernels/dot/transpose_avx512-inl.h"

namespace strata {
namespace {

struct Bf16Dot {
  using Sum = __m512;
  STRATA_DOT_INLINE static Sum Zero() { return _mm512_setzero_ps(); }
  STRATA_DOT_INLINE static Sum Load(const void* p) { return _mm512_loadu_ps(p); }
  STRATA_DOT_INLINE static void Store(uint32_t* p, Sum sum) { _mm512_storeu_ps(p, sum); }
  STRATA_DOT_INLINE static Sum Add(Sum sum, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

// 32 columns.
template <size_t kRows>
void RowsOfBf16(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  ColumnTurner turner(static_cast<const std::byte*>(product.b) + column * product.bytes, columns, product.bytes);
  const auto* a = static_cast<const uint32_t*>(product.a);
  __m512 acc[kRows][2];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) acc[r][0] = acc[r][1] = _mm512_setzero_ps();
  alignas(64) __m512i turned[2][16][2];
  turner.MoveTo(0);
  for (size_t s = 0; s < kTurnUnits; ++s) turner.Unit(s, turned[0]);
  for (size_t at = 0; at < product.bytes; at += 64, a += 16 * kRows) {
    const auto& now = turned[at / 64 % 2];
    turner.MoveTo(at + 64);
#pragma GCC unroll 16
    for (size_t s = 0; s < kTurnUnits; ++s) {
      turner.Unit(s, turned[(at / 64 + 1) % 2]);
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        const __m512i row = _mm512_set1_epi32(static_cast<int>(a[s * kRows + r]));
        acc[r][0] = Bf16Dot::Add(acc[r][0], row, now[s][0]);
        acc[r][1] = Bf16Dot::Add(acc[r][1], row, now[s][1]);
      }
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
    _mm512_storeu_ps(sums + r * kPanelColumns, acc[r][0]);
    _mm512_storeu_ps(sums + r * kPanelColumns + 16, acc[r][1]);
  }
}

}  // namespace

void Bf16DotRows(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  if (product.rows > 4) return RowsOfBf16<8>(product, column, columns, sums);
  if (product.rows > 2) return RowsOfBf16<4>(product, column, columns, sums);
  (product.rows > 1 ? RowsOfBf16<2> : RowsOfBf16<1>)(product, column, columns, sums);
}

}  // namespace strata
HWY_POP_ATTRIBUTES

namespace strata {

const DotKernel& Bf16DotKernel() {
  static constexpr DotKernel kKernel = {.tile_rows = kAvx512TileRows,
                                        .tile = TileAvx512<Bf16Dot>,
                                        .tile_panels = Avx512TilePanels,
                                        .rows = Bf16DotRows,
                                        .run_steps = 1};
  return kKernel;
}
const DotKernel& Bf16DotWideKernel() {
  static constexpr DotKernel kKernel = {.tile_rows = kAvx512TileRows,
                                        .tile = TileAvx512<Bf16Dot>,
                                        .tile_panels = Avx512TilePanels,
                                        .group_rows = 240,
                                        .rows = Bf16DotRows,
                                        .run_steps = 1};
  return kKernel;
}

}  // namespace strata
