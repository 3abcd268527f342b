// bfloat16 by vdpbf16ps: for each pair along k, sum = fma(a1, b1, sum), then sum = fma(a0, b0, sum), every operand and
// result that is denormal taken as zero.
#include "kernels/dot/bf16_product.h"
#include "kernels/dot/dot_rows.h"
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ",avx512bf16")
#include "kernels/dot/tile_avx512-inl.h"
#include "kernels/dot/transpose_avx512-inl.h"

namespace strata {
namespace {

struct Bf16Dot {
  using Sum = __m512;
  static constexpr bool kScales = false;
  STRATA_DOT_INLINE static Sum Zero() { return _mm512_setzero_ps(); }
  STRATA_DOT_INLINE static Sum Load(const void* p) { return _mm512_loadu_ps(p); }
  STRATA_DOT_INLINE static void Store(uint32_t* p, Sum sum) { _mm512_storeu_ps(p, sum); }
  STRATA_DOT_INLINE static Sum Add(Sum sum, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

// 16 columns. Vectors run across them.
template <size_t kRows>
STRATA_DOT_INLINE void ColumnsOfBf16(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  Columns16 from(static_cast<const std::byte*>(product.b) + column * product.bytes, columns, product.bytes);
  const auto* a = static_cast<const uint32_t*>(product.a);
  __m512 acc[kRows];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) acc[r] = _mm512_setzero_ps();
  __m512i v[16], next[16];
  from.First(v);
  for (size_t at = 0; at < product.bytes; at += 64, a += 16 * kRows) {
    from.MoveTo(at + 64);
#pragma GCC unroll 4
    for (size_t j = 0; j < 16; j += 4) {
#pragma GCC unroll 4
      for (size_t s = j; s < j + 4; ++s) {
#pragma GCC unroll 8
        for (size_t r = 0; r < kRows; ++r) {
          acc[r] = Bf16Dot::Add(acc[r], _mm512_set1_epi32(static_cast<int>(a[s * kRows + r])), v[s]);
        }
      }
      from.Four(j, next + j);
    }
    TransposeFours(next);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; ++i) v[i] = next[i];
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) _mm512_storeu_ps(sums + r * kPanelColumns, acc[r]);
}

// A panel.
template <size_t kRows>
void RowsOfBf16(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  for (size_t c = 0; c < columns; c += 16) ColumnsOfBf16<kRows>(product, column + c, columns - c, sums + c);
}

// Of 32 lanes.
STRATA_DOT_INLINE __mmask32 NotANumber(__m512 low, __m512 high) {
  return _cvtu32_mask32(_mm512_cmp_ps_mask(low, low, _CMP_UNORD_Q) |
                        uint32_t{_mm512_cmp_ps_mask(high, high, _CMP_UNORD_Q)} << 16);
}

}  // namespace

void StoreBf16Sums(const DotSums& sums, uint16_t* c, size_t width) {
  for (size_t r = 0; r < sums.rows; ++r) {
    const uint32_t* from = sums.sums + r * sums.stride;
    uint16_t* to = c + (sums.row + r) * width + sums.column;
    for (size_t i = 0; i < sums.columns; i += kPanelColumns) {
      const __m512 low = _mm512_loadu_ps(from + i), high = _mm512_loadu_ps(from + i + 16);
      const auto rounded = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
      const __m512i numbers = _mm512_mask_mov_epi16(rounded, NotANumber(low, high), _mm512_set1_epi16(0x7fc0));
      if (sums.columns - i >= kPanelColumns) {
        _mm512_storeu_si512(to + i, numbers);
      } else {
        _mm512_mask_storeu_epi16(to + i, (__mmask32{1} << (sums.columns - i)) - 1, numbers);
      }
    }
  }
}

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
                                        .calls = true,
                                        .group_rows = 240,
                                        .row_unit = 4,
                                        .rows = Bf16DotRows,
                                        .run_steps = 1};
  return kKernel;
}
const DotKernel& Bf16DotNarrowKernel() {
  static constexpr DotKernel kKernel = {.tile_rows = kAvx512TileRows,
                                        .tile = TileAvx512<Bf16Dot>,
                                        .tile_panels = Avx512TilePanels,
                                        .calls = true,
                                        .row_unit = 4,
                                        .rows = Bf16DotRows,
                                        .run_steps = 1};
  return kKernel;
}

}  // namespace strata
