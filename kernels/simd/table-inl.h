// Tables of 16 float32 numbers that vectors are looked up in, for functions that go piece by piece: one instruction
// with AVX-512, two or three with AVX2. Included once per SIMD target.
//
//   alignas(64) constexpr std::array<float, 16> kTable = {...};
//   const auto y = Lookup16(d, kTable, bits);  // y[i] = kTable[bits[i] % 16]
#if defined(STRATA_KERNELS_SIMD_TABLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_TABLE_INL_H_
#undef STRATA_KERNELS_SIMD_TABLE_INL_H_
#else
#define STRATA_KERNELS_SIMD_TABLE_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// By the lower four bits of each lane of `at`; the others may be anything. REQUIRES: the table is a multiple of 64.
template <class D>
HWY_INLINE hn::Vec<D> Lookup16(D d, const std::array<float, 16>& table, hn::Vec<hn::RebindToUnsigned<D>> at) {
#if HWY_ARCH_X86
  // By hand: Highway's lookup wants the bits above cleared, which the instructions ignore.
#if HWY_TARGET <= HWY_AVX3
  if constexpr (hn::MaxLanes(D()) == 16) {
    return hn::Vec<D>{_mm512_permutexvar_ps(at.raw, hn::Load(d, table.data()).raw)};
  }
#endif
  if constexpr (hn::MaxLanes(D()) == 8) {
    const hn::Vec<D> low{_mm256_permutevar8x32_ps(hn::Load(d, table.data()).raw, at.raw)};
    const hn::Vec<D> high{_mm256_permutevar8x32_ps(hn::Load(d, table.data() + 8).raw, at.raw)};
    // By the fourth bit, as a sign.
    return hn::Vec<D>{_mm256_blendv_ps(low.raw, high.raw, hn::BitCast(d, hn::ShiftLeft<28>(at)).raw)};
  }
#endif
  const hn::RebindToSigned<D> di;
  return hn::GatherIndex(d, table.data(), hn::And(hn::BitCast(di, at), hn::Set(di, 15)));
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
