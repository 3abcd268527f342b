// int8 by AVX2: bytes widened to 16 bits for vpmaddwd. (vpmaddubsw would need no widening, but saturates.)
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES("avx2")
#include "kernels/dot/rows_int8-inl.h"
#include "kernels/dot/tile_int8_avx2-inl.h"

namespace strata {
namespace {

struct Int8Avx2 {
  static constexpr size_t kTileRows = 4, kVectors = 1;
  // Of four columns each: two numbers a column, to be added at the end.
  struct Sum {
    __m256i low, high;
  };
  using Columns = Sum;
  STRATA_DOT_INLINE static Sum Zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  STRATA_DOT_INLINE static Columns ReadColumns(const uint32_t* b) {
    return {_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b))),
            _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + 4)))};
  }
  STRATA_DOT_INLINE static __m256i ReadRow(uint32_t a) {
    return _mm256_cvtepi8_epi16(_mm_set1_epi32(static_cast<int>(a)));
  }
  STRATA_DOT_INLINE static void Add(Sum& sum, __m256i a, Columns b) {
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(a, b.low));
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(a, b.high));
  }
  STRATA_DOT_INLINE static __m256i Total(Sum sum) {
    // hadd works in halves: columns 0 1 4 5 | 2 3 6 7.
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum.low, sum.high), 0xd8);
  }
};

// vpmaddubsw of |weight| <= 128 and +-a, |a| <= 127: two products are at most 32,512, so nothing saturates.
struct Int8Avx2Row : Rows256 {
  static constexpr uint32_t kOffset = 0;
  STRATA_DOT_INLINE static Vec Weights(Vec b) { return b; }
  STRATA_DOT_INLINE static Vec Add(Vec sum, Vec weights, Vec a) {
    const Vec pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(a, weights));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

}  // namespace

void Int8Avx2Rows(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  RowsInt8<Int8Avx2Row>(product, column, columns, sums);
}

}  // namespace strata
HWY_POP_ATTRIBUTES

namespace strata {

const DotKernel& Int8Avx2Kernel() {
  static constexpr DotKernel kKernel = {
      .tile_rows = Int8Avx2::kTileRows, .tile = TileInt8<Int8Avx2>, .rows = Int8Avx2Rows};
  return kKernel;
}

}  // namespace strata
