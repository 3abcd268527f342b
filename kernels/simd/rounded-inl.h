// Stores of values that are already rounded to the dtype of the memory, as RoundTo (row-inl.h) leaves them: a kernel
// that goes on with what it stored rounds once, not twice. Included once per SIMD target.
//
//   const auto mean = RoundTo<T>(d, ...);
//   PutRounded(at, mean, means);
#if defined(STRATA_KERNELS_SIMD_ROUNDED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ROUNDED_INL_H_
#undef STRATA_KERNELS_SIMD_ROUNDED_INL_H_
#else
#define STRATA_KERNELS_SIMD_ROUNDED_INL_H_
#endif

#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class D>
HWY_INLINE void StoreRounded(hn::Vec<D> v, [[maybe_unused]] D d, BF16* p) {
  const hn::RebindToUnsigned<D> du;
  hn::StoreU(UpperHalves(du, hn::BitCast(du, v)), hn::Rebind<uint16_t, D>(), reinterpret_cast<uint16_t*>(p));
}

template <class D, class T>
HWY_INLINE void PutRounded(const At<D>& at, hn::Vec<D> v, T* p) {
  if constexpr (std::is_same_v<T, BF16>) {
    StoreRounded(v, at.d, p + at.i);
  } else {
    at.Put(v, p);
  }
}
template <class D, class T>
HWY_INLINE void PutRounded(const AtTail<D>& at, hn::Vec<D> v, T* p) {
  if constexpr (std::is_same_v<T, BF16>) {
    HWY_ALIGN BF16 buffer[hn::MaxLanes(D())];
    StoreRounded(v, at.d, buffer);
    std::memcpy(p + at.i, buffer, at.n * sizeof(BF16));
  } else {
    at.Put(v, p);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
