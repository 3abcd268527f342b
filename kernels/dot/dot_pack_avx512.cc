#include "kernels/dot/dot_pack.h"
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES(STRATA_AVX512)
#include "kernels/dot/transpose_avx512-inl.h"

namespace strata {
namespace {

constexpr size_t kLanes = 16;

STRATA_DOT_INLINE __mmask32 FirstWords(size_t n) { return n >= 32 ? ~__mmask32{0} : (__mmask32{1} << n) - 1; }

// Steps s of the columns [first, first + 32) of two rows of k: the pairs of columns 0-15 and of 16-31.
struct Pairs {
  __m512i low, high;
};
STRATA_DOT_INLINE Pairs PairsDown(const uint16_t* source, size_t stride, size_t columns, size_t num_k, size_t s) {
  const __mmask32 mask = FirstWords(columns);
  const uint16_t* at = source + 2 * s * stride;
  const __m512i even = 2 * s < num_k ? _mm512_maskz_loadu_epi16(mask, at) : _mm512_setzero_si512();
  const __m512i odd = 2 * s + 1 < num_k ? _mm512_maskz_loadu_epi16(mask, at + stride) : _mm512_setzero_si512();
  // Unpacking works in quarters: put those in order first.
  const __m512i order = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
  const __m512i e = _mm512_permutexvar_epi64(order, even), o = _mm512_permutexvar_epi64(order, odd);
  return {_mm512_unpacklo_epi16(e, o), _mm512_unpackhi_epi16(e, o)};
}

}  // namespace

void PackPanelAvx512(const void* source, size_t stride, size_t columns, size_t bytes, size_t first, size_t steps,
                     uint32_t* out) {
  const auto* base = static_cast<const std::byte*>(source);
  for (size_t s = 0; s < steps; s += kLanes) {
    const size_t at = (first + s) * sizeof(uint32_t);
    const __mmask64 mask = FirstBytes(at < bytes ? bytes - at : 0);
    for (size_t half = 0; half < kPanelColumns; half += kLanes) {
      __m512i v[kLanes];
#pragma GCC unroll 16
      for (size_t j = 0; j < kLanes; ++j) {
        v[j] = half + j < columns && mask != 0 ? _mm512_maskz_loadu_epi8(mask, base + (half + j) * stride + at)
                                               : _mm512_setzero_si512();
      }
      Transpose(v);
#pragma GCC unroll 16
      for (size_t j = 0; j < kLanes; ++j) _mm512_storeu_si512(out + (s + j) * kPanelColumns + half, v[j]);
    }
  }
}

void PackPanelDownBf16(const uint16_t* source, size_t stride, size_t columns, size_t num_k, size_t first, size_t steps,
                       uint32_t* out) {
  for (size_t s = 0; s < steps; ++s) {
    const Pairs pairs = PairsDown(source, stride, columns, num_k, first + s);
    _mm512_storeu_si512(out + s * kPanelColumns, pairs.low);
    _mm512_storeu_si512(out + s * kPanelColumns + kLanes, pairs.high);
  }
}

void PackRowsDownBf16(const uint16_t* source, size_t stride, size_t rows, size_t num_k, size_t steps, uint32_t* out,
                      size_t block) {
  for (size_t row = 0; row < rows; row += 2 * kLanes) {
    for (size_t s = 0; s < steps; s += kLanes) {
      __m512i low[kLanes], high[kLanes];
      for (size_t j = 0; j < kLanes; ++j) {
        const Pairs pairs = PairsDown(source + row, stride, rows - row, num_k, s + j);
        low[j] = pairs.low, high[j] = pairs.high;
      }
      Transpose(low);
      Transpose(high);
      uint32_t* to = out + s / kBlockSteps * block + row * kRowSteps + s % kBlockSteps;
      for (size_t j = 0; j < std::min(kLanes, rows - row); ++j) _mm512_storeu_si512(to + j * kRowSteps, low[j]);
      for (size_t j = kLanes; j < std::min(2 * kLanes, rows - row); ++j) {
        _mm512_storeu_si512(to + j * kRowSteps, high[j - kLanes]);
      }
    }
  }
}

}  // namespace strata
HWY_POP_ATTRIBUTES
