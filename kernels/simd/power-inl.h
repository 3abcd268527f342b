// Expm1 and Pow on vectors of float32 or float64, the same bits on every target. Included once per SIMD target.
//
//   const auto y = Pow(d, x, exponent);
//
// float32 is computed in float64 and rounded once; float64 carries the digits that would be lost in a second double.
// Errors (math_test.cc): below 0.51 ulp, float64 Pow below 0.6. Special values are C's. Log1p is in log-inl.h.
#if defined(STRATA_KERNELS_SIMD_POWER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_POWER_INL_H_
#undef STRATA_KERNELS_SIMD_POWER_INL_H_
#else
#define STRATA_KERNELS_SIMD_POWER_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <limits>

#include "kernels/simd/math-inl.h"
#include "kernels/simd/trig-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> Expm1(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const auto clamped = hn::Min(hn::Max(x, hn::Set(d, -50.0f)), hn::Set(d, 90.0f));
    const auto y = InDouble(d, clamped, [](auto dd, auto v) HWY_ATTR { return ShortExpm1(dd, v); });
    return hn::IfThenElse(hn::Or(hn::IsNaN(x), hn::Eq(x, hn::Zero(d))), x, y);
  } else {
    using K = ExpConstants<double>;
    const auto half = hn::Set(d, 0.5);
    const auto clamped = hn::Min(hn::Max(x, hn::Set(d, -50.0)), hn::Set(d, K::kHigh));
    hn::Vec<D> n_plus_magic;
    const auto e = ExpParts(d, clamped, NoTerm(), &n_plus_magic);
    // 2^n (high + low) - 1, all of it halved so that 2^1024 does not overflow.
    const auto power = PowerOfTwo(d, hn::Sub(n_plus_magic, hn::Set(d, 1.0)));
    const auto sum = TwoSum(hn::Mul(power, e.high), hn::Neg(half));
    const auto y = hn::Mul(hn::Set(d, 2.0), hn::Add(sum.high, hn::MulAdd(power, e.low, sum.low)));
    // What two parts have too few digits for: x + x^2 / 2.
    const auto tiny = hn::Lt(hn::Abs(x), hn::Set(d, 0x1p-29));
    const auto near_zero = hn::CopySign(hn::MulAdd(hn::Mul(x, half), x, x), x);
    return hn::IfThenElse(tiny, near_zero, hn::IfThenElse(hn::IsNaN(x), x, y));
  }
}

// |x|^y for x > 0 of any size, infinities and zero included, and what remains of C's rules by the caller. kShort: to be
// rounded to float32.
template <bool kShort, class D>
HWY_INLINE hn::Vec<D> PowOfSize(D d, hn::Vec<D> x, hn::Vec<D> y) {
  const auto zero = hn::Zero(d), one = hn::Set(d, 1.0);
  const auto infinity = hn::Set(d, std::numeric_limits<double>::infinity());
  HighLow<hn::Vec<D>> log;
  if constexpr (kShort) {
    log.high = QuickLogOfPositive(d, x);
  } else {
    log = LogParts(d, x);
  }
  const auto high =
      hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity), hn::IfThenElse(hn::Lt(x, infinity), log.high, infinity));
  const auto none = hn::Or(hn::Eq(x, one), hn::Eq(y, zero));
  const auto t = hn::IfThenElse(none, zero, hn::Mul(y, high));
  if constexpr (kShort) {
    // Beyond, a float32 is 0 or infinite.
    const auto top = hn::Set(d, 150.0);
    return ExpNormal(d, hn::Max(hn::Min(t, top), hn::Neg(top)));
  } else {
    const auto t_low = hn::MulAdd(y, log.low, hn::MulSub(y, high, t));
    const auto usual = hn::AndNot(none, hn::Lt(hn::Abs(t), hn::Set(d, 750.0)));
    return ExpOfParts(d, t, hn::IfThenElseZero(usual, t_low));
  }
}

template <bool kShort = false, class D>
HWY_INLINE hn::Vec<D> Pow(D d, hn::Vec<D> x, hn::Vec<D> y) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const hn::Half<D> dh;
    const hn::Rebind<double, decltype(dh)> dd;
    const auto low = hn::DemoteTo(
        dh, Pow<true>(dd, hn::PromoteTo(dd, hn::LowerHalf(dh, x)), hn::PromoteTo(dd, hn::LowerHalf(dh, y))));
    const auto high = hn::DemoteTo(
        dh, Pow<true>(dd, hn::PromoteTo(dd, hn::UpperHalf(dh, x)), hn::PromoteTo(dd, hn::UpperHalf(dh, y))));
    return hn::Combine(d, high, low);
  } else {
    const auto zero = hn::Zero(d), one = hn::Set(d, 1.0), half = hn::Set(d, 0.5);
    const auto infinity = hn::Set(d, std::numeric_limits<double>::infinity());
    const auto whole = hn::Eq(hn::Round(y), y);
    const auto half_y = hn::Mul(y, half);
    const auto odd = hn::And(whole, hn::And(hn::Ne(hn::Round(half_y), half_y), hn::Lt(hn::Abs(y), infinity)));
    auto power = PowOfSize<kShort>(d, hn::Abs(x), y);
    power = hn::IfThenElse(odd, hn::CopySign(power, x), power);
    const auto no_root = hn::And(hn::And(hn::Lt(x, zero), hn::Gt(x, hn::Neg(infinity))), hn::Not(whole));
    const auto nan = hn::Or(hn::Or(hn::IsNaN(x), hn::IsNaN(y)), no_root);
    power = hn::IfThenElse(nan, hn::Set(d, std::numeric_limits<double>::quiet_NaN()), power);
    return hn::IfThenElse(hn::Or(hn::Eq(y, zero), hn::Eq(x, one)), one, power);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
