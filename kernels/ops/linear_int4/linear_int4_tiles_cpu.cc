// linear_int4's tiles by vpdpbusd (AVX512-VNNI) and by vpmaddubsw (AVX2), whose 16-bit sums cannot overflow here: eight
// steps of two products of at most 15 * 127 each.
#include "kernels/dot/x86.h"
#include "kernels/ops/linear_int4/int4_tile.h"

#if defined(__x86_64__)
HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ",avx512vnni")
namespace strata {
namespace {

// Where the sums of a group start: at -zero * (sum of its a).
STRATA_DOT_INLINE __m512i Start512(const uint8_t* zero, int32_t sum) {
  if (zero == nullptr) return _mm512_set1_epi32(-8 * sum);
  const __m512i z = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(zero)));
  return _mm512_mullo_epi32(z, _mm512_set1_epi32(-sum));
}

template <bool kHalf>
STRATA_DOT_INLINE __m512 Scale512(const void* scale, size_t at) {
  if (kHalf) {
    return _mm512_cvtph_ps(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(static_cast<const uint16_t*>(scale) + at)));
  }
  return _mm512_loadu_ps(static_cast<const float*>(scale) + at);
}

template <size_t kRows, bool kHalf>
void Tile512(const Int4Tile& tile) {
  __m512 total[kRows][2];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) total[r][0] = total[r][1] = _mm512_setzero_ps();
  const __m512i mask = _mm512_set1_epi8(15);
  const uint8_t* b = tile.panel;
  const int8_t* a = tile.a;
  const uint8_t* zero = tile.zero;
  const size_t scale_bytes = kHalf ? sizeof(uint16_t) : sizeof(float);
  for (size_t g = 0; g < tile.groups; ++g) {
    // Groups' scales are a page apart, which no hardware looks ahead for.
    const auto* ahead =
        static_cast<const char*>(tile.scale) + std::min(g + 12, tile.groups - 1) * tile.stride * scale_bytes;
    _mm_prefetch(ahead, _MM_HINT_T0);
    _mm_prefetch(ahead + kInt4Columns * scale_bytes - 1, _MM_HINT_T0);
    __m512i sum[kRows][2];
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const int32_t of_a = tile.sums[r * tile.group_row + g];
      sum[r][0] = Start512(zero, of_a);
      sum[r][1] = Start512(zero == nullptr ? nullptr : zero + 16, of_a);
    }
    for (size_t s = 0; s < tile.steps; ++s) {
      if (kRows <= 4) _mm_prefetch(reinterpret_cast<const char*>(b + 4096), _MM_HINT_T0);
      const __m512i bytes = _mm512_loadu_si512(b);
      const __m512i low = _mm512_and_si512(bytes, mask), high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask);
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        int32_t four;
        std::memcpy(&four, a + r * tile.a_row, sizeof(four));
        const __m512i row = _mm512_set1_epi32(four);
        sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], low, row);
        sum[r][1] = _mm512_dpbusd_epi32(sum[r][1], high, row);
      }
      b += kInt4StepBytes;
      a += 4;
    }
    const __m512 scale0 = Scale512<kHalf>(tile.scale, g * tile.stride);
    const __m512 scale1 = Scale512<kHalf>(tile.scale, g * tile.stride + 16);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const __m512 s = _mm512_set1_ps(tile.s[r * tile.group_row + g]);
      total[r][0] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][0]), s), scale0, total[r][0]);
      total[r][1] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][1]), s), scale1, total[r][1]);
    }
    if (zero != nullptr) zero += tile.stride;
    if (!EndsInt4Chain(g, tile.groups)) continue;
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      float* y = tile.y + r * kInt4Columns;
      _mm512_storeu_ps(y, _mm512_add_ps(_mm512_loadu_ps(y), total[r][0]));
      _mm512_storeu_ps(y + 16, _mm512_add_ps(_mm512_loadu_ps(y + 16), total[r][1]));
      total[r][0] = total[r][1] = _mm512_setzero_ps();
    }
  }
}

}  // namespace
}  // namespace strata
HWY_POP_ATTRIBUTES

HWY_PUSH_ATTRIBUTES("avx2,fma,f16c")
namespace strata {
namespace {

STRATA_DOT_INLINE __m256i Start256(const uint8_t* zero, int32_t sum) {
  if (zero == nullptr) return _mm256_set1_epi32(-8 * sum);
  const __m256i z = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(zero)));
  return _mm256_mullo_epi32(z, _mm256_set1_epi32(-sum));
}

template <bool kHalf>
STRATA_DOT_INLINE __m256 Scale256(const void* scale, size_t at) {
  if (kHalf) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(static_cast<const uint16_t*>(scale) + at)));
  }
  return _mm256_loadu_ps(static_cast<const float*>(scale) + at);
}

// Eight steps: 16-bit sums of the four vectors of eight columns, widened at the end.
STRATA_DOT_INLINE void EightSteps(const uint8_t* b, const int8_t* a, __m256i (&sum)[4]) {
  const __m256i mask = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1);
  __m256i narrow[4];
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) narrow[v] = _mm256_setzero_si256();
  for (size_t s = 0; s < 8; ++s) {
    int32_t four;
    std::memcpy(&four, a + 4 * s, sizeof(four));
    const __m256i row = _mm256_set1_epi32(four);
#pragma GCC unroll 2
    for (size_t half = 0; half < 2; ++half) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + s * kInt4StepBytes + half * 32));
      const __m256i low = _mm256_and_si256(bytes, mask), high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask);
      narrow[half] = _mm256_add_epi16(narrow[half], _mm256_maddubs_epi16(low, row));
      narrow[2 + half] = _mm256_add_epi16(narrow[2 + half], _mm256_maddubs_epi16(high, row));
    }
  }
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) sum[v] = _mm256_add_epi32(sum[v], _mm256_madd_epi16(narrow[v], one));
}

template <bool kHalf>
void Row256(const Int4Tile& tile, size_t r) {
  __m256 total[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  const uint8_t* b = tile.panel;
  const int8_t* a = tile.a + r * tile.a_row;
  for (size_t g = 0; g < tile.groups; ++g) {
    const int32_t of_a = tile.sums[r * tile.group_row + g];
    const uint8_t* zero = tile.zero == nullptr ? nullptr : tile.zero + g * tile.stride;
    __m256i sum[4];
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; ++v) sum[v] = Start256(zero == nullptr ? nullptr : zero + 8 * v, of_a);
    for (size_t s = 0; s < tile.steps; s += 8) {
      EightSteps(b, a, sum);
      b += 8 * kInt4StepBytes;
      a += 32;
    }
    const __m256 scale = _mm256_set1_ps(tile.s[r * tile.group_row + g]);
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; ++v) {
      total[v] = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum[v]), scale),
                                 Scale256<kHalf>(tile.scale, g * tile.stride + 8 * v), total[v]);
    }
    if (!EndsInt4Chain(g, tile.groups)) continue;
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; ++v) {
      float* y = tile.y + r * kInt4Columns + 8 * v;
      _mm256_storeu_ps(y, _mm256_add_ps(_mm256_loadu_ps(y), total[v]));
      total[v] = _mm256_setzero_ps();
    }
  }
}

}  // namespace
}  // namespace strata
HWY_POP_ATTRIBUTES

namespace strata {

void Int4TileVnni(const Int4Tile& tile, size_t rows, bool half) {
  using Fn = void (*)(const Int4Tile&);
  static constexpr auto kTiles = []<size_t... kRow>(std::index_sequence<kRow...>) {
    return std::array<Fn, 2 * sizeof...(kRow)>{Tile512<kRow + 1, false>..., Tile512<kRow + 1, true>...};
  }(std::make_index_sequence<kInt4TileRows>());
  kTiles[rows - 1 + (half ? kInt4TileRows : 0)](tile);
}

void Int4TileAvx2(const Int4Tile& tile, size_t rows, bool half) {
  for (size_t r = 0; r < rows; ++r) half ? Row256<true>(tile, r) : Row256<false>(tile, r);
}

}  // namespace strata
#else
namespace strata {

void Int4TileVnni(const Int4Tile&, size_t, bool) {}
void Int4TileAvx2(const Int4Tile&, size_t, bool) {}

}  // namespace strata
#endif
