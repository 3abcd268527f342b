// int8 by vpdpbusd on 512 bits: exact sums of products of A's unsigned and B's signed bytes.
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ",avx512vnni")
#include "kernels/dot/tile_avx512-inl.h"

namespace strata {
namespace {

struct Int8Vnni {
  using Sum = __m512i;
  STRATA_DOT_INLINE static Sum Zero() { return _mm512_setzero_si512(); }
  STRATA_DOT_INLINE static Sum Load(const void* p) { return _mm512_loadu_si512(p); }
  STRATA_DOT_INLINE static void Store(void* p, Sum sum) { _mm512_storeu_si512(p, sum); }
  STRATA_DOT_INLINE static Sum Add(Sum sum, __m512i a, __m512i b) { return _mm512_dpbusd_epi32(sum, a, b); }
};

}  // namespace
}  // namespace strata
HWY_POP_ATTRIBUTES

namespace strata {

const DotKernel& Int8VnniKernel() {
  static constexpr DotKernel kKernel = {kAvx512TileRows, TileAvx512<Int8Vnni>, Avx512TilePanels, /*unsigned_a=*/true};
  return kKernel;
}
const DotKernel& Int8VnniWideKernel() {
  static constexpr DotKernel kKernel = {kAvx512TileRows, TileAvx512<Int8Vnni>, Avx512TilePanels, /*unsigned_a=*/true,
                                        /*group_rows=*/240};
  return kKernel;
}

}  // namespace strata
