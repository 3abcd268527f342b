// int8 by vpdpbusd on 512 bits: exact sums of products of A's unsigned and B's signed bytes.
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ",avx512vnni")
#include "kernels/dot/rows_int8-inl.h"
#include "kernels/dot/tile_avx512-inl.h"

namespace strata {
namespace {

struct Int8Vnni {
  using Sum = __m512i;
  static constexpr bool kScales = true;
  STRATA_DOT_INLINE static Sum Zero() { return _mm512_setzero_si512(); }
  STRATA_DOT_INLINE static Sum Load(const void* p) { return _mm512_loadu_si512(p); }
  STRATA_DOT_INLINE static void Store(void* p, Sum sum) { _mm512_storeu_si512(p, sum); }
  STRATA_DOT_INLINE static Sum Add(Sum sum, __m512i a, __m512i b) { return _mm512_dpbusd_epi32(sum, a, b); }
};

// The weight is the unsigned side: 128 is added to it.
struct Int8VnniRow {
  using Vec = __m512i;
  static constexpr size_t kBytes = 64, kSums = 24;
  static constexpr uint32_t kOffset = 128;
  STRATA_DOT_INLINE static Vec Ones() { return _mm512_set1_epi8(1); }
  STRATA_DOT_INLINE static Vec Zero() { return _mm512_setzero_si512(); }
  STRATA_DOT_INLINE static Vec Read(const int8_t* p) { return _mm512_loadu_si512(p); }
  STRATA_DOT_INLINE static Vec ReadN(const int8_t* p, size_t n) {
    return _mm512_maskz_loadu_epi8((__mmask64{1} << n) - 1, p);
  }
  STRATA_DOT_INLINE static Vec Weights(Vec b) { return _mm512_xor_si512(b, _mm512_set1_epi8(-128)); }
  STRATA_DOT_INLINE static Vec Add(Vec sum, Vec weights, Vec a) { return _mm512_dpbusd_epi32(sum, weights, a); }
  STRATA_DOT_INLINE static int32_t Fold(Vec v) { return _mm512_reduce_add_epi32(v); }
  STRATA_DOT_INLINE static __m128i Fold(Vec v0, Vec v1, Vec v2, Vec v3) {
    const Vec low = _mm512_add_epi32(_mm512_unpacklo_epi32(v0, v1), _mm512_unpackhi_epi32(v0, v1));
    const Vec high = _mm512_add_epi32(_mm512_unpacklo_epi32(v2, v3), _mm512_unpackhi_epi32(v2, v3));
    const Vec all = _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  }
};

}  // namespace

void Int8VnniRows(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  RowsInt8<Int8VnniRow>(product, column, columns, sums);
}

}  // namespace strata
HWY_POP_ATTRIBUTES

namespace strata {

const DotKernel& Int8VnniKernel() {
  static constexpr DotKernel kKernel = {.tile_rows = kAvx512TileRows,
                                        .tile = TileAvx512<Int8Vnni>,
                                        .tile_panels = Avx512TilePanels,
                                        .calls = true,
                                        .unsigned_a = true,
                                        .scales = true,
                                        .group_rows = 240,
                                        .row_unit = 4,
                                        .rows = Int8VnniRows};
  return kKernel;
}
const DotKernel& Int8VnniNarrowKernel() {
  static constexpr DotKernel kKernel = {.tile_rows = kAvx512TileRows,
                                        .tile = TileAvx512<Int8Vnni>,
                                        .tile_panels = Avx512TilePanels,
                                        .calls = true,
                                        .unsigned_a = true,
                                        .scales = true,
                                        .row_unit = 4,
                                        .rows = Int8VnniRows};
  return kKernel;
}

}  // namespace strata
