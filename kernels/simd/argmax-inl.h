// Where a row's extreme is: argmax's, and a greedy sample's. Included once per SIMD target.
//
//   const size_t at = FirstExtreme<Reduction::kMax>(x, n);  // the first of equal ones, a NaN before all
#if defined(STRATA_KERNELS_SIMD_ARGMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ARGMAX_INL_H_
#undef STRATA_KERNELS_SIMD_ARGMAX_INL_H_
#else
#define STRATA_KERNELS_SIMD_ARGMAX_INL_H_
#endif

#include "kernels/core/scalar.h"
#include "kernels/simd/reduction-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The largest or smallest element of x[0..n), NaN where there is one.
template <Reduction kExtreme, class T, class F = ComputeType<T>>
F ExtremeOf(const T* x, size_t n) {
  const hn::ScalableTag<F> d;
  const auto start = hn::Set(d, Step<kExtreme>::template Start<F>());
  return LaneFold(
      d, n, Step<kExtreme>::template Start<F>(),
      [&](auto acc, auto at) HWY_ATTR { return Step<kExtreme>::Run(d, acc, at.KeepOr(at(x), start)); },
      [](auto a, auto b) HWY_ATTR { return Step<kExtreme>::Join(hn::DFromV<decltype(a)>(), a, b); });
}

// The first place of x[0..n) with `value`, or of a NaN where that is one. REQUIRES: there is one.
template <class T, class F>
size_t FirstOf(const T* x, size_t n, F value) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
  const auto wanted = hn::Set(d, value);
  const bool nan = value != value;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const auto v = Read(d, x + i);
    if (!hn::AllFalse(d, nan ? hn::IsNaN(v) : hn::Eq(v, wanted))) break;
  }
  const auto found = [&](size_t j) {
    const F v = static_cast<F>(ToDouble(x[j]));
    return nan ? v != v : v == value;
  };
  while (!found(i)) ++i;
  return i;
}

// REQUIRES: n > 0.
template <Reduction kExtreme, class T>
HWY_NOINLINE size_t FirstExtreme(const T* x, size_t n) {
  return FirstOf(x, n, ExtremeOf<kExtreme>(x, n));
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
