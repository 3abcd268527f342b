// What softmax and log_softmax share: exponentials of a row minus its maximum. Included once per SIMD target.
//
//   const auto most = hn::Set(d, LaneMax(d, width, x));
//   const F sum = SumOfExp(d, x, width, most, [](auto, auto) HWY_ATTR {});  // times 2^kExpShift
//
// An exponential of something below zero needs no care for overflow, and scaled by 2^kExpShift none for denormals: half
// the work of Exp (math-inl.h). The scale is a power of two, so it changes no rounding, and it cancels in the quotient.
#if defined(STRATA_KERNELS_SIMD_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_SOFTMAX_INL_H_
#undef STRATA_KERNELS_SIMD_SOFTMAX_INL_H_
#else
#define STRATA_KERNELS_SIMD_SOFTMAX_INL_H_
#endif

#include "kernels/simd/math-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class F>
inline constexpr int kExpShift = std::is_same_v<F, float> ? 64 : 512;
// 2^-kExpShift
template <class F>
inline constexpr F kExpUnshift = std::is_same_v<F, float> ? F(0x1p-64) : F(0x1p-512);

// e^x * 2^kExpShift. REQUIRES: x <= 0, or a small number above that rounding left; a NaN stays one. What is below
// kExpLow counts as ExpConstants::kLow, whose exponential rounds to zero when it is divided by a sum that has e^0 in
// it.
template <class D>
HWY_INLINE hn::Vec<D> ExpShifted(D d, hn::Vec<D> x) {
  using F = hn::TFromD<D>;
  using K = ExpConstants<F>;
  // The exponent's bits end up at the low end of a sum with this number.
  const auto magic = hn::Set(d, K::kMagic + static_cast<F>(K::kBias) + F(kExpShift<F>));
  const auto low = hn::Set(d, K::kLow);
  const auto clamped = hn::IfThenElse(hn::Lt(x, low), low, x);  // not Max: a NaN stays
  hn::Vec<D> n_plus_magic;
  const auto e = QuickExpReduced(d, clamped, magic, &n_plus_magic);
  const hn::RebindToUnsigned<D> du;
  const auto power = hn::BitCast(d, hn::ShiftLeft<K::kMantissaBits>(hn::BitCast(du, n_plus_magic)));
  return hn::Mul(e, power);
}

// The sum over the row of exp(x - most) * 2^kExpShift; each term goes through put(at, term), too. `next`, where it is
// not nullptr, is a row that is fetched meanwhile: here, where the processor is busy and the memory is not.
template <class D, class T, class Put>
HWY_INLINE hn::TFromD<D> SumOfExp(D d, const T* x, size_t width, hn::Vec<D> most, const T* next, Put put) {
  return LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    if (next != nullptr && at.i % (kLineBytes / sizeof(T)) == 0) Expect(next, at.i);
    const auto e = ExpShifted(d, hn::Sub(at(x), most));
    put(at, e);
    return hn::Add(acc, at.Keep(e));
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
