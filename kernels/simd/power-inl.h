// Expm1, Log1p and Pow on vectors of float32 or float64, the same bits on every target. Included once per SIMD target.
//
//   const auto y = Pow(d, x, exponent);
//
// float32 is computed in float64 and rounded once; float64 carries the digits that would be lost in a second double.
// Errors (math_test.cc): float32 below 0.51 ulp; float64 Expm1 and Log1p below 0.9, Pow below 1.6. Special values are
// C's.
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
    return InDouble(d, x, [](auto dd, auto v) HWY_ATTR { return Expm1(dd, v); });
  } else {
    using K = MathConstants<double>;
    const auto magic = hn::Set(d, K::kMagic), half = hn::Set(d, 0.5);
    const auto clamped = hn::Min(hn::Max(x, hn::Set(d, -50.0)), hn::Set(d, K::kExpHigh));
    const auto n_plus_magic = hn::MulAdd(clamped, hn::Set(d, K::kLog2E), magic);
    const auto n = hn::Sub(n_plus_magic, magic);
    const auto r_high = hn::NegMulAdd(n, hn::Set(d, K::kLn2Hi), clamped);
    const auto r = hn::NegMulAdd(n, hn::Set(d, K::kLn2Lo), r_high);
    const auto lost = hn::NegMulAdd(n, hn::Set(d, K::kLn2Lo), hn::Sub(r_high, r));
    // e^r - 1 = r + rest; 2^n (r + rest) + (2^n - 1), all of it halved so that 2^1024 does not overflow.
    const auto rest = hn::MulAdd(hn::Mul(r, r), Polynomial<K::kExp>(d, r), hn::MulAdd(lost, r, lost));
    const auto power = PowerOfTwo(d, hn::Sub(n_plus_magic, hn::Set(d, 1.0)));
    const auto base = hn::Sub(power, half);
    const auto base_lost = hn::Sub(hn::Sub(power, base), half);
    const auto sum = hn::MulAdd(power, r, base);
    const auto sum_lost = hn::MulAdd(power, r, hn::Sub(base, sum));
    const auto y = hn::Mul(hn::Set(d, 2.0), hn::Add(sum, hn::MulAdd(power, rest, hn::Add(sum_lost, base_lost))));
    const auto tiny = hn::Lt(hn::Abs(x), hn::Set(d, 0x1p-54));
    return hn::IfThenElse(hn::Or(tiny, hn::IsNaN(x)), x, y);
  }
}

template <class D>
HWY_INLINE hn::Vec<D> Log1p(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InDouble(d, x, [](auto dd, auto v) HWY_ATTR { return Log1p(dd, v); });
  } else {
    const auto one = hn::Set(d, 1.0);
    const auto u = hn::Add(x, one);
    // What the sum rounded off: u - x - 1, from the larger term.
    const auto large = hn::Gt(x, one);
    const auto back = hn::Sub(u, hn::IfThenElse(large, x, one));
    const auto c = hn::Sub(hn::IfThenElse(large, one, x), back);
    const auto y = LogPlus(d, u, hn::IfThenElseZero(hn::Gt(u, hn::Zero(d)), c));
    // Zero keeps its sign; log1p(infinity) has lost c; log1p(-1) is log(0) without it.
    const auto infinite = hn::Eq(u, hn::Set(d, std::numeric_limits<double>::infinity()));
    return hn::IfThenElse(hn::Or(hn::Eq(x, hn::Zero(d)), infinite), x, y);
  }
}

// The coefficients of log(m) = 2 s + 2/3 s^3 + s^5 (2/5 + 2/7 s^2 + ...), s = (m - 1) / (m + 1): its Taylor series,
// which at |s| <= 0.172 has 2^-70 of the whole left after these.
inline constexpr std::array<double, 10> kAtanhTerms = {2.0 / 23, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15,
                                                       2.0 / 13, 2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5};

// log(x) as high + low with some 64 bits. REQUIRES: x is positive, finite and normal.
template <class D>
HWY_INLINE void LogLong(D d, hn::Vec<D> x, hn::Vec<D>* high, hn::Vec<D>* low) {
  using K = MathConstants<double>;
  const hn::RebindToUnsigned<D> du;
  const auto one = hn::Set(d, 1.0), two = hn::Set(d, 2.0);
  const auto offset = hn::Set(du, (K::kBias << K::kMantissaBits) - K::kSqrtHalf);
  const auto biased = hn::ShiftRight<K::kMantissaBits>(hn::Add(hn::BitCast(du, x), offset));
  const auto exponent = hn::Sub(biased, hn::Set(du, K::kBias));
  const auto m = hn::BitCast(d, hn::Sub(hn::BitCast(du, x), hn::ShiftLeft<K::kMantissaBits>(exponent)));
  const auto as_float = hn::BitCast(d, hn::Or(biased, hn::BitCast(du, hn::Set(d, K::kTwoToMantissa))));
  const auto k = hn::Sub(as_float, hn::Set(d, K::kTwoToMantissa + K::kBias));
  // s = (m - 1) / (m + 1) in two doubles.
  const auto f = hn::Sub(m, one), u = hn::Add(m, one);
  const auto u_lost = hn::Sub(m, hn::Sub(u, one));
  const auto s = hn::Div(f, u);
  const auto s_low = hn::Div(hn::NegMulAdd(s, u_lost, hn::NegMulAdd(s, u, f)), u);
  const auto z = hn::Mul(s, s);
  const auto z_low = hn::MulAdd(hn::Add(s, s), s_low, hn::MulSub(s, s, z));
  // t = 2/3 s^3 in two doubles: (2/3 z) s.
  const auto third = hn::Set(d, 0x1.5555555555555p-1), third_low = hn::Set(d, 0x1.5555555555555p-55);
  const auto a = hn::Mul(third, z);
  const auto a_low = hn::MulAdd(third, z_low, hn::MulAdd(third_low, z, hn::MulSub(third, z, a)));
  const auto t = hn::Mul(a, s);
  const auto t_low = hn::MulAdd(a, s_low, hn::MulAdd(a_low, s, hn::MulSub(a, s, t)));
  const auto rest = hn::Mul(hn::Mul(hn::Mul(z, z), s), Polynomial<kAtanhTerms>(d, z));
  // k ln2 + 2 s + t + rest, larger terms first. The high part of k ln2 is exact.
  const auto base = hn::Mul(k, hn::Set(d, K::kLn2Hi)), two_s = hn::Mul(two, s);
  const auto sum = hn::Add(base, two_s);
  const auto virtual_b = hn::Sub(sum, base);
  const auto sum_low = hn::Add(hn::Sub(base, hn::Sub(sum, virtual_b)), hn::Sub(two_s, virtual_b));
  const auto total = hn::Add(sum, t);
  const auto virtual_t = hn::Sub(total, sum);
  const auto total_low = hn::Add(hn::Sub(sum, hn::Sub(total, virtual_t)), hn::Sub(t, virtual_t));
  const auto small = hn::Add(hn::MulAdd(two, s_low, hn::MulAdd(k, hn::Set(d, K::kLn2Lo), rest)),
                             hn::Add(t_low, hn::Add(sum_low, total_low)));
  *high = hn::Add(total, small);
  *low = hn::Sub(small, hn::Sub(*high, total));
}

// |x|^y for x > 0 of any size, infinities and zero included, and what remains of C's rules by the caller.
template <class D>
HWY_INLINE hn::Vec<D> PowOfSize(D d, hn::Vec<D> x, hn::Vec<D> y) {
  const auto zero = hn::Zero(d), one = hn::Set(d, 1.0);
  const auto infinity = hn::Set(d, std::numeric_limits<double>::infinity());
  const auto small = hn::Lt(x, hn::Set(d, std::numeric_limits<double>::min()));
  const auto scaled = hn::IfThenElse(small, hn::Mul(x, hn::Set(d, 0x1p54)), x);
  hn::Vec<D> high, low;
  LogLong(d, scaled, &high, &low);
  // 54 ln2 off again, in two doubles.
  const auto shift = hn::IfThenElseZero(small, hn::Set(d, -0x1.2b708872320e2p+5));
  const auto shift_low = hn::IfThenElseZero(small, hn::Set(d, 0x1.570da7e077bcbp-50));
  const auto moved = hn::Add(high, shift);
  low = hn::Add(hn::Add(low, shift_low), hn::Sub(high, hn::Sub(moved, shift)));
  high = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity), hn::IfThenElse(hn::Lt(x, infinity), moved, infinity));
  auto t = hn::Mul(y, high);
  t = hn::IfThenElse(hn::Or(hn::Eq(x, one), hn::Eq(y, zero)), zero, t);
  const auto t_low = hn::MulAdd(y, low, hn::MulSub(y, high, t));
  const auto power = Exp(d, t);
  const auto corrected = hn::MulAdd(power, t_low, power);
  const auto usual = hn::And(hn::Lt(hn::Abs(t), hn::Set(d, 750.0)), hn::And(hn::Lt(power, infinity), hn::Ne(x, one)));
  return hn::IfThenElse(usual, corrected, power);
}

template <class D>
HWY_INLINE hn::Vec<D> Pow(D d, hn::Vec<D> x, hn::Vec<D> y) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const hn::Half<D> dh;
    const hn::Rebind<double, decltype(dh)> dd;
    const auto low =
        hn::DemoteTo(dh, Pow(dd, hn::PromoteTo(dd, hn::LowerHalf(dh, x)), hn::PromoteTo(dd, hn::LowerHalf(dh, y))));
    const auto high =
        hn::DemoteTo(dh, Pow(dd, hn::PromoteTo(dd, hn::UpperHalf(dh, x)), hn::PromoteTo(dd, hn::UpperHalf(dh, y))));
    return hn::Combine(d, high, low);
  } else {
    const auto zero = hn::Zero(d), one = hn::Set(d, 1.0), half = hn::Set(d, 0.5);
    const auto infinity = hn::Set(d, std::numeric_limits<double>::infinity());
    const auto whole = hn::Eq(hn::Round(y), y);
    const auto half_y = hn::Mul(y, half);
    const auto odd = hn::And(whole, hn::And(hn::Ne(hn::Round(half_y), half_y), hn::Lt(hn::Abs(y), infinity)));
    auto power = PowOfSize(d, hn::Abs(x), y);
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
