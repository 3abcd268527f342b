// Logarithms on vectors of float32 or float64: MulAdd and exact steps only, so that every target gives the same bits.
// Included once per SIMD target, by math-inl.h.
//
//   const auto y = Log(d, x);
//   const HighLow<V> y = LogParts(d, x);  // float64 with some 64 bits, for x positive, finite and normal
//
// Errors (math_test.cc): float32 below 0.9 ulp, float64 below 0.51; Log1p below 0.51. The coefficients of float32 are a
// minimax fit of (log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2 for 1/sqrt2 <= (1 + s) / (1 - s) <= sqrt2.
#if defined(STRATA_KERNELS_SIMD_LOG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_LOG_INL_H_
#undef STRATA_KERNELS_SIMD_LOG_INL_H_
#else
#define STRATA_KERNELS_SIMD_LOG_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <limits>

#include "kernels/simd/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class F>
struct LogConstants;
template <>
struct LogConstants<float> {
  static constexpr uint32_t kSqrtHalf = 0x3f3504f3u;
  static constexpr float kTwoToMantissa = 0x1p23f;
  static constexpr std::array<float, 4> kTerms = {0.235805094f, 0.285374254f, 0.400003314f, 0.666666627f};
};
template <>
struct LogConstants<double> {
  static constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdu;
  static constexpr double kTwoToMantissa = 0x1p52;
  static constexpr std::array<double, 7> kTerms = {0.14793444635452224, 0.1531433873803387, 0.1818355127527646,
                                                   0.2222219886749582,  0.2857142873896087, 0.3999999999943371,
                                                   0.6666666666666731};
};
// log(m) = 2 s + 2/3 s^3 + s^5 (2/5 + 2/7 s^2 + ...), s = (m - 1) / (m + 1): its Taylor series, which at |s| <= 0.172
// has 2^-70 of the whole left after these.
inline constexpr std::array<double, 10> kAtanhTerms = {2.0 / 23, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15,
                                                       2.0 / 13, 2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5};

// x = 2^k m with m in [sqrt(1/2), sqrt(2)); a denormal, too.
template <class D>
HWY_INLINE void SplitExponent(D d, hn::Vec<D> x, hn::Vec<D>* k, hn::Vec<D>* m) {
  using F = hn::TFromD<D>;
  using E = ExpConstants<F>;
  using K = LogConstants<F>;
  const hn::RebindToUnsigned<D> du;
  // A denormal is made normal first.
  const auto small = hn::Lt(x, hn::Set(d, std::numeric_limits<F>::min()));
  const auto scaled = hn::IfThenElse(small, hn::Mul(x, hn::Set(d, 4 * K::kTwoToMantissa)), x);
  const auto offset = hn::Set(du, (E::kBias << E::kMantissaBits) - K::kSqrtHalf);
  const auto biased = hn::ShiftRight<E::kMantissaBits>(hn::Add(hn::BitCast(du, scaled), offset));
  const auto exponent = hn::Sub(biased, hn::Set(du, E::kBias));
  *m = hn::BitCast(d, hn::Sub(hn::BitCast(du, scaled), hn::ShiftLeft<E::kMantissaBits>(exponent)));
  // An integer below 2^kMantissaBits as a floating-point number: put below the bits of 2^kMantissaBits.
  const auto as_float = hn::BitCast(d, hn::Or(biased, hn::BitCast(du, hn::Set(d, K::kTwoToMantissa))));
  const auto bias = hn::IfThenElse(small, hn::Set(d, K::kTwoToMantissa + E::kBias + E::kMantissaBits + 2),
                                   hn::Set(d, K::kTwoToMantissa + E::kBias));
  *k = hn::Sub(as_float, bias);
}

// log(x) as high + low with some 64 bits. REQUIRES: x is positive and finite.
template <class D>
HWY_INLINE HighLow<hn::Vec<D>> LogParts(D d, hn::Vec<D> x) {
  using E = ExpConstants<double>;
  const auto one = hn::Set(d, 1.0), two = hn::Set(d, 2.0);
  hn::Vec<D> k, m;
  SplitExponent(d, x, &k, &m);
  // s = (m - 1) / (m + 1) in two parts.
  const auto f = hn::Sub(m, one), u = hn::Add(m, one);
  const auto u_lost = hn::Sub(m, hn::Sub(u, one));
  const auto s = hn::Div(f, u);
  const auto s_low = hn::Div(hn::NegMulAdd(s, u_lost, hn::NegMulAdd(s, u, f)), u);
  const auto square = TwoProduct(s, s);
  const auto square_low = hn::MulAdd(hn::Add(s, s), s_low, square.low);
  // 2/3 s^3 in two parts: (2/3 s^2) s.
  const auto third = hn::Set(d, 0x1.5555555555555p-1), third_low = hn::Set(d, 0x1.5555555555555p-55);
  const auto a = TwoProduct(third, square.high);
  const auto a_low = hn::MulAdd(third, square_low, hn::MulAdd(third_low, square.high, a.low));
  const auto t = TwoProduct(a.high, s);
  const auto t_low = hn::MulAdd(a.high, s_low, hn::MulAdd(a_low, s, t.low));
  const auto fifth = hn::Mul(hn::Mul(square.high, square.high), s);
  const auto rest = hn::Mul(fifth, Polynomial<kAtanhTerms>(d, square.high));
  // k ln2 + 2 s + t + rest, larger terms first. The high part of k ln2 is exact.
  const auto sum = TwoSum(hn::Mul(k, hn::Set(d, E::kLn2Hi)), hn::Mul(two, s)), total = TwoSum(sum.high, t.high);
  const auto small = hn::Add(hn::MulAdd(two, s_low, hn::MulAdd(k, hn::Set(d, E::kLn2Lo), rest)),
                             hn::Add(t_low, hn::Add(sum.low, total.low)));
  return FastTwoSum(total.high, small);
}

// log(x) for x positive and finite, some 0.8 ulp off, with one division.
template <class D>
HWY_INLINE hn::Vec<D> QuickLogOfPositive(D d, hn::Vec<D> x) {
  using F = hn::TFromD<D>;
  using E = ExpConstants<F>;
  hn::Vec<D> k, m;
  SplitExponent(d, x, &k, &m);
  const auto f = hn::Sub(m, hn::Set(d, F(1)));
  const auto s = hn::Div(f, hn::Add(hn::Set(d, F(2)), f));
  const auto z = hn::Mul(s, s);
  const auto r = hn::Mul(z, Polynomial<LogConstants<F>::kTerms>(d, z));
  const auto half_square = hn::Mul(hn::Mul(hn::Set(d, F(0.5)), f), f);
  const auto low = hn::MulAdd(s, hn::Add(half_square, r), hn::Mul(k, hn::Set(d, E::kLn2Lo)));
  return hn::MulAdd(k, hn::Set(d, E::kLn2Hi), hn::Sub(f, hn::Sub(half_square, low)));
}

template <class D>
HWY_INLINE hn::Vec<D> Log(D d, hn::Vec<D> x) {
  using F = hn::TFromD<D>;
  constexpr F kInfinity = std::numeric_limits<F>::infinity();
  const auto zero = hn::Zero(d);
  hn::Vec<D> y;
  if constexpr (sizeof(F) == 8) {
    y = LogParts(d, x).high;
  } else {
    y = QuickLogOfPositive(d, x);
  }
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Set(d, -kInfinity), y);
  y = hn::IfThenElse(hn::Lt(x, zero), hn::Set(d, std::numeric_limits<F>::quiet_NaN()), y);
  return hn::IfThenElse(hn::Or(hn::IsNaN(x), hn::Eq(x, hn::Set(d, kInfinity))), x, y);
}

// log(1 + x); kShort: to be rounded to float32.
template <bool kShort = false, class D>
HWY_INLINE hn::Vec<D> Log1p(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InDouble(d, x, [](auto dd, auto v) HWY_ATTR { return Log1p<true>(dd, v); });
  } else {
    const auto infinity = hn::Set(d, std::numeric_limits<double>::infinity()), zero = hn::Zero(d);
    const auto u = TwoSum(hn::Set(d, 1.0), x);
    hn::Vec<D> y;
    if constexpr (kShort) {
      y = QuickLogOfPositive(d, u.high);
    } else {
      const auto log = LogParts(d, u.high);
      y = hn::Add(log.high, hn::Add(log.low, hn::Div(u.low, u.high)));
    }
    // Where 1 + x rounds off too much of x: x - x^2 / 2.
    const auto tiny = hn::MulAdd(hn::Mul(x, hn::Set(d, -0.5)), x, x);
    y = hn::IfThenElse(hn::Lt(hn::Abs(x), hn::Set(d, kShort ? 0x1p-15 : 0x1p-30)), tiny, y);
    y = hn::IfThenElse(hn::Eq(u.high, zero), hn::Neg(infinity), y);
    y = hn::IfThenElse(hn::Lt(u.high, zero), hn::Set(d, std::numeric_limits<double>::quiet_NaN()), y);
    // Zero keeps its sign, a NaN and infinity stay.
    const auto as_it_is = hn::Or(hn::Eq(x, zero), hn::Or(hn::IsNaN(x), hn::Eq(x, infinity)));
    return hn::IfThenElse(as_it_is, x, y);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
