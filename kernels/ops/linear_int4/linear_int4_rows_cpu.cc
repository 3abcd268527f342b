// linear_int4 with a few rows: the weight is read once, as it lies in memory, at the speed of memory. One or two rows
// are folded (linear_int4_fold-inl.h); for more, words of eight numbers are turned in registers, so that vectors run
// across outputs.
#include "kernels/dot/dot_rows.h"
#include "kernels/dot/x86.h"
#include "kernels/ops/linear_int4/int4_tile.h"

#if defined(__x86_64__)
HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ",avx512vnni")
#include "kernels/dot/transpose_avx512-inl.h"
#include "kernels/ops/linear_int4/linear_int4_fold-inl.h"

namespace strata {
namespace {

STRATA_DOT_INLINE __m512 Scale(const void* scale, size_t at, bool half) {
  if (half) {
    return _mm512_cvtph_ps(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(static_cast<const uint16_t*>(scale) + at)));
  }
  return _mm512_loadu_ps(static_cast<const float*>(scale) + at);
}

// Sums of one group, of kRows rows and 32 outputs.
template <size_t kRows>
struct GroupSums {
  __m512i of[kRows][2];

  // At -zero * (sum of the group's a).
  STRATA_DOT_INLINE void Start(const Int4Tile& tile, size_t group, const size_t (&row)[kRows]) {
    __m512i z[2] = {_mm512_set1_epi32(8), _mm512_set1_epi32(8)};
    for (size_t half = 0; tile.zero != nullptr && half < 2; ++half) {
      const auto* at = reinterpret_cast<const __m128i*>(tile.zero + group * tile.stride + 16 * half);
      z[half] = _mm512_cvtepu8_epi32(_mm_loadu_si128(at));
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const __m512i minus = _mm512_set1_epi32(-tile.sums[row[r] * tile.group_row + group]);
      of[r][0] = _mm512_mullo_epi32(z[0], minus);
      of[r][1] = _mm512_mullo_epi32(z[1], minus);
    }
  }
  // A word of eight numbers: the even ones are the low halves of its bytes.
  STRATA_DOT_INLINE void Add(const __m512i (&words)[2], const int32_t* a) {
    const __m512i mask = _mm512_set1_epi8(15);
    const __m512i low0 = _mm512_and_si512(words[0], mask), low1 = _mm512_and_si512(words[1], mask);
    const __m512i high0 = _mm512_and_si512(_mm512_srli_epi16(words[0], 4), mask);
    const __m512i high1 = _mm512_and_si512(_mm512_srli_epi16(words[1], 4), mask);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const __m512i even = _mm512_set1_epi32(a[2 * r]), odd = _mm512_set1_epi32(a[2 * r + 1]);
      of[r][0] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(of[r][0], low0, even), high0, odd);
      of[r][1] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(of[r][1], low1, even), high1, odd);
    }
  }
  STRATA_DOT_INLINE void Finish(const Int4Tile& tile, bool half, size_t group, const size_t (&row)[kRows],
                                __m512 (&total)[kRows][2]) const {
    const size_t at = group * tile.stride;
    const __m512 scale0 = Scale(tile.scale, at, half), scale1 = Scale(tile.scale, at + 16, half);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const __m512 s = _mm512_set1_ps(tile.s[row[r] * tile.group_row + group]);
      total[r][0] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(of[r][0]), s), scale0, total[r][0]);
      total[r][1] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(of[r][1]), s), scale1, total[r][1]);
    }
  }
};

template <size_t kRows>
STRATA_DOT_INLINE void AddChains(const Int4Tile& tile, size_t rows, __m512 (&total)[kRows][2]) {
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
    if (r >= rows) break;
    float* y = tile.y + r * kInt4Columns;
    _mm512_storeu_ps(y, _mm512_add_ps(_mm512_loadu_ps(y), total[r][0]));
    _mm512_storeu_ps(y + 16, _mm512_add_ps(_mm512_loadu_ps(y + 16), total[r][1]));
    total[r][0] = total[r][1] = _mm512_setzero_ps();
  }
}

template <size_t kRows>
void RowsOfInt4(const Int4Tile& tile, size_t columns, size_t rows, bool half, Int4Stage& stage) {
  const size_t bytes = tile.groups * tile.steps * 2, group_words = tile.steps / 2;
  ColumnTurner turner(tile.panel, columns, bytes);
  size_t row[kRows];
  for (size_t r = 0; r < kRows; ++r) row[r] = std::min(r, rows - 1);
  __m512 total[kRows][2];
  for (size_t r = 0; r < kRows; ++r) total[r][0] = total[r][1] = _mm512_setzero_ps();
  const auto* a = reinterpret_cast<const int32_t*>(tile.turns);
  size_t group = 0, left = group_words;
  GroupSums<kRows> sums;
  if (tile.groups > 0) sums.Start(tile, 0, row);
  alignas(64) __m512i turned[2][16][2];
  turner.MoveTo(0);
  for (size_t unit = 0; unit < kTurnUnits; ++unit) turner.Unit(unit, turned[0]);
  const size_t stage_groups = stage.Share((bytes + 63) / 64);
  for (size_t at = 0; at < bytes; at += 64) {
    stage.Step(stage_groups);
    const auto& now = turned[at / 64 % 2];
    turner.MoveTo(at + 64);
    for (size_t word = 0; word < 16; word += 4) {
      // Units go on for words beyond the end, which nobody reads.
      const bool inside = at + 4 * word < bytes;
#pragma GCC unroll 4
      for (size_t i = word; i < word + 4; ++i, a += 2 * kRows) {
        turner.Unit(i, turned[(at / 64 + 1) % 2]);
        if (inside) sums.Add(now[i], a);
      }
      left -= 4;
      if (left > 0 || !inside) continue;
      sums.Finish(tile, half, group, row, total);
      if (EndsInt4Chain(group, tile.groups)) AddChains(tile, rows, total);
      if (++group < tile.groups) sums.Start(tile, group, row);
      left = group_words;
    }
  }
}

struct Fold512 {
  using Int = __m512i;
  using Float = __m512;
  static constexpr size_t kBytes = 64, kColumns = 16;
  STRATA_DOT_INLINE static Int Zero() { return _mm512_setzero_si512(); }
  STRATA_DOT_INLINE static Float ZeroFloat() { return _mm512_setzero_ps(); }
  STRATA_DOT_INLINE static Int Set(int32_t v) { return _mm512_set1_epi32(v); }
  STRATA_DOT_INLINE static Float Set(float v) { return _mm512_set1_ps(v); }
  STRATA_DOT_INLINE static Int Read(const int8_t* p) { return _mm512_loadu_si512(p); }
  STRATA_DOT_INLINE static Int ReadN(const uint8_t* p, size_t n) { return _mm512_maskz_loadu_epi8(FirstBytes(n), p); }
  STRATA_DOT_INLINE static Int ReadBytes(const uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  STRATA_DOT_INLINE static Float ReadFloats(const float* p) { return _mm512_loadu_ps(p); }
  STRATA_DOT_INLINE static Float ReadHalves(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  STRATA_DOT_INLINE static Int Low(Int v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
  STRATA_DOT_INLINE static Int High(Int v) { return Low(_mm512_srli_epi16(v, 4)); }
  STRATA_DOT_INLINE static Int Dot(Int low, Int even, Int high, Int odd) {
    return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(Zero(), low, even), high, odd);
  }
  STRATA_DOT_INLINE static Int Plus(Int a, Int b) { return _mm512_add_epi32(a, b); }
  STRATA_DOT_INLINE static Float Plus(Float a, Float b) { return _mm512_add_ps(a, b); }
  STRATA_DOT_INLINE static Int Minus(Int a, Int b) { return _mm512_sub_epi32(a, b); }
  STRATA_DOT_INLINE static Int Times(Int a, Int b) { return _mm512_mullo_epi32(a, b); }
  STRATA_DOT_INLINE static Float Times(Float a, Float b) { return _mm512_mul_ps(a, b); }
  STRATA_DOT_INLINE static Float ToFloat(Int v) { return _mm512_cvtepi32_ps(v); }
  STRATA_DOT_INLINE static Float MulAdd(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  STRATA_DOT_INLINE static Int LowWords(Int a, Int b) { return _mm512_unpacklo_epi32(a, b); }
  STRATA_DOT_INLINE static Int HighWords(Int a, Int b) { return _mm512_unpackhi_epi32(a, b); }
  STRATA_DOT_INLINE static Int LowPairs(Int a, Int b) { return _mm512_unpacklo_epi64(a, b); }
  STRATA_DOT_INLINE static Int HighPairs(Int a, Int b) { return _mm512_unpackhi_epi64(a, b); }
  // Of quads[q], block i is columns 4 q to 4 q + 3 of blocks[i].
  STRATA_DOT_INLINE static void ByBlock(const Int (&quads)[4], Int (&blocks)[4]) {
    const Int even0 = _mm512_shuffle_i32x4(quads[0], quads[1], 0x88);
    const Int even1 = _mm512_shuffle_i32x4(quads[2], quads[3], 0x88);
    const Int odd0 = _mm512_shuffle_i32x4(quads[0], quads[1], 0xdd);
    const Int odd1 = _mm512_shuffle_i32x4(quads[2], quads[3], 0xdd);
    blocks[0] = _mm512_shuffle_i32x4(even0, even1, 0x88), blocks[2] = _mm512_shuffle_i32x4(even0, even1, 0xdd);
    blocks[1] = _mm512_shuffle_i32x4(odd0, odd1, 0x88), blocks[3] = _mm512_shuffle_i32x4(odd0, odd1, 0xdd);
  }
  STRATA_DOT_INLINE static void Write(Float v, float* p) { _mm512_storeu_ps(p, v); }
};

void FewRowsVnni(const Int4Tile& tile, size_t columns, size_t rows, bool half, Int4Stage& stage) {
  if (rows > 4) return RowsOfInt4<8>(tile, columns, rows, half, stage);
  rows > 2 ? RowsOfInt4<4>(tile, columns, rows, half, stage) : FoldRows<Fold512>(tile, columns, rows, half, stage);
}

}  // namespace

const Int4FewRows& Int4RowsVnni() {
  static constexpr Int4FewRows kFewRows = {FewRowsVnni, 2};
  return kFewRows;
}

}  // namespace strata
HWY_POP_ATTRIBUTES
#else
namespace strata {

const Int4FewRows& Int4RowsVnni() {
  static constexpr Int4FewRows kFewRows = {};
  return kFewRows;
}

}  // namespace strata
#endif
