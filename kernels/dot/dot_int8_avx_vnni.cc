// int8 by vpdpbusd on 256 bits, for processors that have it without AVX-512.
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES("avx2,avxvnni")
#include "kernels/dot/rows_int8-inl.h"
#include "kernels/dot/tile_int8_avx2-inl.h"

namespace strata {
namespace {

struct Int8AvxVnni {
  static constexpr size_t kTileRows = 6, kVectors = 2;  // 12 of 16 registers hold sums
  using Sum = __m256i;
  using Columns = __m256i;
  STRATA_DOT_INLINE static Sum Zero() { return _mm256_setzero_si256(); }
  STRATA_DOT_INLINE static Columns ReadColumns(const uint32_t* b) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
  }
  STRATA_DOT_INLINE static __m256i ReadRow(uint32_t a) { return _mm256_set1_epi32(static_cast<int>(a)); }
  STRATA_DOT_INLINE static void Add(Sum& sum, __m256i a, Columns b) { sum = _mm256_dpbusd_avx_epi32(sum, a, b); }
  STRATA_DOT_INLINE static __m256i Total(Sum sum) { return sum; }
};

// The weight is the unsigned side: 128 is added to it.
struct Int8AvxVnniRow : Rows256 {
  static constexpr uint32_t kOffset = 128;
  STRATA_DOT_INLINE static Vec Ones() { return _mm256_set1_epi8(1); }
  STRATA_DOT_INLINE static Vec Weights(Vec b) { return _mm256_xor_si256(b, _mm256_set1_epi8(-128)); }
  STRATA_DOT_INLINE static Vec Add(Vec sum, Vec weights, Vec a) { return _mm256_dpbusd_avx_epi32(sum, weights, a); }
};

}  // namespace

void Int8AvxVnniRows(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  RowsInt8<Int8AvxVnniRow>(product, column, columns, sums);
}

}  // namespace strata
HWY_POP_ATTRIBUTES

namespace strata {

const DotKernel& Int8AvxVnniKernel() {
  static constexpr DotKernel kKernel = {
      .tile_rows = Int8AvxVnni::kTileRows, .tile = TileInt8<Int8AvxVnni>, .unsigned_a = true, .rows = Int8AvxVnniRows};
  return kKernel;
}

}  // namespace strata
