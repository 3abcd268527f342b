// bfloat16 by vdpbf16ps: for each pair along k, sum = fma(a1, b1, sum), then sum = fma(a0, b0, sum), every operand and
// result that is denormal taken as zero.
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ",avx512bf16")
#include "kernels/dot/tile_avx512-inl.h"

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

}  // namespace
}  // namespace strata
HWY_POP_ATTRIBUTES

namespace strata {

const DotKernel& Bf16DotKernel() {
  static constexpr DotKernel kKernel = {kAvx512TileRows, TileAvx512<Bf16Dot>, Avx512TilePanels};
  return kKernel;
}
const DotKernel& Bf16DotWideKernel() {
  static constexpr DotKernel kKernel = {kAvx512TileRows, TileAvx512<Bf16Dot>, Avx512TilePanels, /*unsigned_a=*/false,
                                        /*group_rows=*/240};
  return kKernel;
}

}  // namespace strata
