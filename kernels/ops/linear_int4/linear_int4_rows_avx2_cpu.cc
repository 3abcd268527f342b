// linear_int4 with a few rows by vpmaddubsw: two products of at most 15 * 127 each in 16 bits, twice.
#include "kernels/dot/x86.h"
#include "kernels/ops/linear_int4/int4_tile.h"

#if defined(__x86_64__)
HWY_PUSH_ATTRIBUTES("avx2,fma,f16c")
#include "kernels/ops/linear_int4/linear_int4_fold-inl.h"

namespace strata {
namespace {

struct Fold256 {
  using Int = __m256i;
  using Float = __m256;
  static constexpr size_t kBytes = 32, kColumns = 8;
  STRATA_DOT_INLINE static Int Zero() { return _mm256_setzero_si256(); }
  STRATA_DOT_INLINE static Float ZeroFloat() { return _mm256_setzero_ps(); }
  STRATA_DOT_INLINE static Int Set(int32_t v) { return _mm256_set1_epi32(v); }
  STRATA_DOT_INLINE static Float Set(float v) { return _mm256_set1_ps(v); }
  STRATA_DOT_INLINE static Int Read(const int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const Int*>(p)); }
  // 32 or 16.
  STRATA_DOT_INLINE static Int ReadN(const uint8_t* p, size_t n) {
    if (n == kBytes) return _mm256_loadu_si256(reinterpret_cast<const Int*>(p));
    return _mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  STRATA_DOT_INLINE static Int ReadBytes(const uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  STRATA_DOT_INLINE static Float ReadFloats(const float* p) { return _mm256_loadu_ps(p); }
  STRATA_DOT_INLINE static Float ReadHalves(const uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  STRATA_DOT_INLINE static Int Low(Int v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
  STRATA_DOT_INLINE static Int High(Int v) { return Low(_mm256_srli_epi16(v, 4)); }
  STRATA_DOT_INLINE static Int Dot(Int low, Int even, Int high, Int odd) {
    const Int pairs = _mm256_add_epi16(_mm256_maddubs_epi16(low, even), _mm256_maddubs_epi16(high, odd));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  }
  STRATA_DOT_INLINE static Int Plus(Int a, Int b) { return _mm256_add_epi32(a, b); }
  STRATA_DOT_INLINE static Float Plus(Float a, Float b) { return _mm256_add_ps(a, b); }
  STRATA_DOT_INLINE static Int Minus(Int a, Int b) { return _mm256_sub_epi32(a, b); }
  STRATA_DOT_INLINE static Int Times(Int a, Int b) { return _mm256_mullo_epi32(a, b); }
  STRATA_DOT_INLINE static Float Times(Float a, Float b) { return _mm256_mul_ps(a, b); }
  STRATA_DOT_INLINE static Float ToFloat(Int v) { return _mm256_cvtepi32_ps(v); }
  STRATA_DOT_INLINE static Float MulAdd(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  STRATA_DOT_INLINE static Int LowWords(Int a, Int b) { return _mm256_unpacklo_epi32(a, b); }
  STRATA_DOT_INLINE static Int HighWords(Int a, Int b) { return _mm256_unpackhi_epi32(a, b); }
  STRATA_DOT_INLINE static Int LowPairs(Int a, Int b) { return _mm256_unpacklo_epi64(a, b); }
  STRATA_DOT_INLINE static Int HighPairs(Int a, Int b) { return _mm256_unpackhi_epi64(a, b); }
  // Of quads[q], block i is columns 4 q to 4 q + 3 of blocks[i].
  STRATA_DOT_INLINE static void ByBlock(const Int (&quads)[2], Int (&blocks)[2]) {
    blocks[0] = _mm256_permute2x128_si256(quads[0], quads[1], 0x20);
    blocks[1] = _mm256_permute2x128_si256(quads[0], quads[1], 0x31);
  }
  STRATA_DOT_INLINE static void Write(Float v, float* p) { _mm256_storeu_ps(p, v); }
};

}  // namespace

const Int4FewRows& Int4RowsAvx2() {
  static constexpr Int4FewRows kFewRows = {FoldRows<Fold256>, 8};
  return kFewRows;
}

}  // namespace strata
HWY_POP_ATTRIBUTES
#else
namespace strata {

const Int4FewRows& Int4RowsAvx2() {
  static constexpr Int4FewRows kFewRows = {};
  return kFewRows;
}

}  // namespace strata
#endif
