// What elementary functions are made of (polynomials, numbers in two parts), and exponentials, on vectors of float32 or
// float64: MulAdd and exact steps only, so that every target gives the same bits. Included once per SIMD target, by
// math-inl.h, which has the rest.
//
//   const auto y = Exp(d, x);             // any x
//   const auto y = ExpNonPositive(d, x);  // x <= 0, 0 where e^x is no normal number: quick
//
// Errors (math_test.cc): Exp below 0.565 ulp in float32, 0.51 in float64. The quick ones, for sums of exponentials and
// what is rounded again, do half the work and stay below 1.1. Infinities, NaN, overflow and underflow to denormals are
// IEEE's. The coefficients are minimax fits, or interpolate at Chebyshev's points, in 60 digits: in float32 of
// (e^r - 1 - r) / r^2 on |r| <= ln2 / 32 beside a table of powers, in float64 of (e^r - 1 - r - r^2 / 2 - r^3 / 6) /
// r^4 on |r| <= ln2 / 2; for the quick ones of (e^r - 1 - r) / r^2 on |r| <= ln2 / 2.
#if defined(STRATA_KERNELS_SIMD_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_EXP_INL_H_
#undef STRATA_KERNELS_SIMD_EXP_INL_H_
#else
#define STRATA_KERNELS_SIMD_EXP_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/simd/table-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// x, but at least `low`; at most `high`. A NaN stays, on every processor: of a NaN and a number x86's Max gives its
// second argument, Arm's the number. Of two zeros it is x, whatever its sign.
template <class V>
HWY_INLINE V AtLeast(V low, V x) {
#if HWY_ARCH_X86
  return hn::Max(low, x);
#else
  return hn::IfThenElse(hn::Lt(x, low), low, x);
#endif
}
template <class V>
HWY_INLINE V AtMost(V high, V x) {
#if HWY_ARCH_X86
  return hn::Min(high, x);
#else
  return hn::IfThenElse(hn::Lt(high, x), high, x);
#endif
}

// Polynomials have the highest power first.
template <const auto& kCoefficients, class D, size_t... kIndex>
HWY_INLINE hn::Vec<D> PolynomialTerms(D d, hn::Vec<D> x, std::index_sequence<kIndex...>) {
  auto p = hn::Set(d, kCoefficients[0]);
  ((p = hn::MulAdd(p, x, hn::Set(d, kCoefficients[kIndex + 1]))), ...);
  return p;
}
template <const auto& kCoefficients, class D>
HWY_INLINE hn::Vec<D> Polynomial(D d, hn::Vec<D> x) {
  return PolynomialTerms<kCoefficients>(d, x, std::make_index_sequence<kCoefficients.size() - 1>());
}

// A number as high + low, whose low part holds what the high one rounds off.
template <class V>
struct HighLow {
  V high, low;
};
// a + b, exactly. REQUIRES: |a| >= |b|, or a is zero. (T. J. Dekker, 1971)
template <class V>
HWY_INLINE HighLow<V> FastTwoSum(V a, V b) {
  const V sum = hn::Add(a, b);
  return {sum, hn::Sub(b, hn::Sub(sum, a))};
}
// a + b, exactly. (O. Møller and D. Knuth)
template <class V>
HWY_INLINE HighLow<V> TwoSum(V a, V b) {
  const V sum = hn::Add(a, b), other = hn::Sub(sum, a);
  return {sum, hn::Add(hn::Sub(a, hn::Sub(sum, other)), hn::Sub(b, other))};
}
// a b, exactly.
template <class V>
HWY_INLINE HighLow<V> TwoProduct(V a, V b) {
  const V product = hn::Mul(a, b);
  return {product, hn::MulSub(a, b, product)};
}

// f(double vector) for a vector of float32, in two halves.
template <class D, class F>
HWY_INLINE hn::Vec<D> InDouble(D d, hn::Vec<D> x, F f) {
  const hn::Half<D> dh;
  const hn::Rebind<double, decltype(dh)> dd;
  const auto low = hn::DemoteTo(dh, f(dd, hn::PromoteTo(dd, hn::LowerHalf(dh, x))));
  const auto high = hn::DemoteTo(dh, f(dd, hn::PromoteTo(dd, hn::UpperHalf(dh, x))));
  return hn::Combine(d, high, low);
}

template <class F>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  using Bits = uint32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr Bits kBias = 127;
  static constexpr float kMagic = 0x1.8p23f;  // adding it rounds to an integer, which its low bits then hold
  static constexpr float kLog2E = 0x1.715476p+0f;
  static constexpr float kLn2Hi = 0x1.62e4p-1f, kLn2Lo = 0x1.7f7d1cp-20f;  // 15 bits: times an exponent it is exact
  static constexpr float kLow = -104.0f, kHigh = 89.0f;                    // beyond: 0 and infinity
  static constexpr float kShift = 64, kDown = 0x1p-64f;                    // 2^-kShift
  static constexpr float kNormal = -87.33f;                                // the result is a normal number from here on
  // (e^r - 1 - r) / r^2 on |r| <= ln2 / 32, for the table of 16 powers.
  static constexpr std::array<float, 2> kTableTerms = {0.16666862360f, 0.50001628f};
  static constexpr std::array<float, 5> kQuickTerms = {0.0013950601f, 0.00836895313f, 0.041666206f, 0.166665182f, 0.5f};
};
template <>
struct ExpConstants<double> {
  using Bits = uint64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr Bits kBias = 1023;
  static constexpr double kMagic = 0x1.8p52;
  static constexpr double kLog2E = 0x1.71547652b82fep+0;
  static constexpr double kLn2Hi = 0x1.62e42fefa38p-1, kLn2Lo = 0x1.ef35793c7673p-45;
  static constexpr double kLow = -746.0, kHigh = 710.0;
  static constexpr double kShift = 512, kDown = 0x1p-512;
  static constexpr double kNormal = -708.39;
  static constexpr std::array<double, 10> kTerms = {
      1.6082046467480115e-10, 2.0911264239196083e-09, 2.5052084180163595e-08, 2.755728291148268e-07,
      2.7557319234380825e-06, 2.4801587317181886e-05, 0.0001984126984126828,  0.0013888888888886545,
      0.008333333333333333,   0.041666666666666664};
  static constexpr std::array<double, 10> kQuickTerms = {
      2.5118007303490498e-08, 2.7631409861153953e-07, 2.755721582536347e-06, 2.48014896079989e-05, 0.000198412699179372,
      0.0013888888947306526,  0.008333333333306936,   0.04166666666651445,   0.166666666666667,    0.5000000000000013};
};

// 2^n for an integer n in the range of normal exponents, given as n + kMagic.
template <class D, class K = ExpConstants<hn::TFromD<D>>>
HWY_INLINE hn::Vec<D> PowerOfTwo(D d, hn::Vec<D> n_plus_magic) {
  const hn::RebindToUnsigned<D> du;
  const auto biased = hn::Add(hn::BitCast(du, n_plus_magic), hn::Set(du, K::kBias));
  return hn::BitCast(d, hn::ShiftLeft<K::kMantissaBits>(biased));
}

// 1 + r + r^2 / 2 + r^3 / 6 + r^4 (...) for r in two parts: the first four terms with some 100 bits.
template <class D>
HWY_INLINE HighLow<hn::Vec<D>> ExpSeries(D d, hn::Vec<D> r, hn::Vec<D> r_low) {
  const auto sixth = hn::Set(d, 0x1.5555555555555p-3), sixth_low = hn::Set(d, 0x1.5555555555555p-57);
  const auto one = hn::Set(d, 1.0), half = hn::Set(d, 0.5);
  const auto square = TwoProduct(r, r), cubic = TwoProduct(r, sixth);
  const auto factor = FastTwoSum(half, cubic.high);
  const auto factor_low = hn::Add(factor.low, hn::MulAdd(r, sixth_low, cubic.low));
  const auto bend = TwoProduct(square.high, factor.high);
  const auto bend_low = hn::MulAdd(square.high, factor_low, hn::MulAdd(square.low, factor.high, bend.low));
  const auto line = FastTwoSum(one, r), sum = FastTwoSum(line.high, bend.high);
  const auto low = hn::MulAdd(r_low, sum.high, hn::Add(hn::Add(line.low, sum.low), bend_low));
  const auto fourth = hn::Mul(square.high, square.high);
  return {sum.high, hn::MulAdd(fourth, Polynomial<ExpConstants<double>::kTerms>(d, r), low)};
}

// e^(x + x_low) = 2^n (high + low) in float64, 2^-60 off; sets n + kMagic. x_low is NoTerm() or less than 2^-30.
// REQUIRES: kLow <= x <= kHigh.
struct NoTerm {};
template <class D, class Low, class K = ExpConstants<double>>
HWY_INLINE HighLow<hn::Vec<D>> ExpParts(D d, hn::Vec<D> x, [[maybe_unused]] Low x_low, hn::Vec<D>* n_plus_magic) {
  const auto magic = hn::Set(d, K::kMagic);
  *n_plus_magic = hn::MulAdd(x, hn::Set(d, K::kLog2E), magic);
  const auto n = hn::Sub(*n_plus_magic, magic), ln2_low = hn::Set(d, K::kLn2Lo);
  const auto near = hn::NegMulAdd(n, hn::Set(d, K::kLn2Hi), x);  // exact
  auto r = hn::NegMulAdd(n, ln2_low, near);
  auto r_low = hn::NegMulAdd(n, ln2_low, hn::Sub(near, r));
  if constexpr (!std::is_same_v<Low, NoTerm>) {
    const auto sum = TwoSum(r, hn::Add(r_low, x_low));
    r = sum.high;
    r_low = sum.low;
  }
  return ExpSeries(d, r, r_low);
}

// 2 2^(j / 16), and what float32 rounds off of it.
alignas(64) inline constexpr std::array<float, 16> kExpTable = {
    0x1p+1f,        0x1.0b5586p+1f, 0x1.172b84p+1f, 0x1.2387a6p+1f, 0x1.306fep+1f,  0x1.3dea64p+1f,
    0x1.4bfdaep+1f, 0x1.5ab07ep+1f, 0x1.6a09e6p+1f, 0x1.7a1148p+1f, 0x1.8ace54p+1f, 0x1.9c4918p+1f,
    0x1.ae89fap+1f, 0x1.c199bep+1f, 0x1.d5818ep+1f, 0x1.ea4afap+1f};
alignas(64) inline constexpr std::array<float, 16> kExpTableLow = {0,
                                                                   0x1.9f3122p-24f,
                                                                   -0x1.c15742p-26f,
                                                                   0x1.ceac48p-24f,
                                                                   0x1.4636e2p-24f,
                                                                   0x1.824684p-24f,
                                                                   -0x1.593abcp-24f,
                                                                   -0x1.5bd5ecp-26f,
                                                                   0x1.9fcef4p-25f,
                                                                   -0x1.829fdp-24f,
                                                                   0x1.15506ep-26f,
                                                                   0x1.51f848p-26f,
                                                                   -0x1.a94b14p-25f,
                                                                   -0x1.3d56b2p-26f,
                                                                   -0x1.822dbcp-26f,
                                                                   0x1.52486cp-26f};

// e^x = 2^k (high + low) in float32, some 0.05 ulp off, with `high` of the table: x = (16 (k + 1) + j) ln2 / 16 + r.
// The lower bits of `at` are 16 k + j.
template <class D>
struct TableExp {
  hn::Vec<D> high, low;
  hn::Vec<hn::RebindToUnsigned<D>> at;

  // 2^k as the bits of an exponent, without its bias.
  HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> Exponent() const {
    const hn::RebindToUnsigned<D> du;
    return hn::ShiftLeft<19>(hn::And(at, hn::Set(du, ~15u)));
  }
};
template <class D, class K = ExpConstants<float>>
HWY_INLINE TableExp<D> ExpOfTable(D d, hn::Vec<D> x) {
  const hn::RebindToUnsigned<D> du;
  const auto magic = hn::Set(d, K::kMagic - 16);
  const auto n_plus_magic = hn::MulAdd(x, hn::Set(d, 16 * K::kLog2E), magic);
  const auto n = hn::Sub(n_plus_magic, magic);
  const auto near = hn::NegMulAdd(n, hn::Set(d, K::kLn2Hi / 16), x);  // exact
  const auto r = hn::NegMulAdd(n, hn::Set(d, K::kLn2Lo / 16), near);
  const auto rise = hn::MulAdd(hn::Mul(r, r), Polynomial<K::kTableTerms>(d, r), r);
  const auto at = hn::BitCast(du, n_plus_magic);
  const auto high = Lookup16(d, kExpTable, at);
  return {high, hn::MulAdd(high, rise, Lookup16(d, kExpTableLow, at)), at};
}

// 2^n as two factors, each a normal number: 2^(n + kShift) 2^-kShift for negative n, else the other way round.
template <class D, class K = ExpConstants<hn::TFromD<D>>>
HWY_INLINE HighLow<hn::Vec<D>> TwoFactors(D d, hn::Mask<D> negative, hn::Vec<D> n_plus_magic) {
  const auto shift = hn::Set(d, K::kShift);
  const auto first = PowerOfTwo(d, hn::Add(n_plus_magic, hn::IfThenElse(negative, shift, hn::Neg(shift))));
  return {first, hn::IfThenElse(negative, hn::Set(d, K::kDown), hn::Set(d, 1 / K::kDown))};
}

// 2^n (e.high + e.low), rounded once, also where that is a denormal.
template <class D, class F = hn::TFromD<D>, class K = ExpConstants<F>>
HWY_INLINE hn::Vec<D> Scaled(D d, HighLow<hn::Vec<D>> e, hn::Mask<D> negative, hn::Vec<D> n_plus_magic) {
  const auto power = TwoFactors(d, negative, n_plus_magic);
  // Where the result is a denormal, `kept` has no more digits than that, so that the only rounding is the last.
  const auto high = hn::Mul(e.high, power.high), least = hn::Set(d, std::numeric_limits<F>::min() / K::kDown);
  const auto cut = hn::IfThenElseZero(hn::Lt(high, least), least);
  const auto kept = hn::Sub(hn::Add(high, cut), cut);
  const auto rest = hn::MulAdd(e.low, power.high, hn::Sub(high, kept));
  return hn::MulAdd(rest, power.low, hn::Mul(kept, power.low));
}

// e^(x + x_low) in float64, x_low as in ExpParts; x of any size.
template <class D, class Low, class K = ExpConstants<double>>
HWY_INLINE hn::Vec<D> ExpOfParts(D d, hn::Vec<D> x, Low x_low) {
  const auto clamped = hn::Min(hn::Max(x, hn::Set(d, K::kLow)), hn::Set(d, K::kHigh));
  hn::Vec<D> n_plus_magic;
  const auto e = ExpParts(d, clamped, x_low, &n_plus_magic);
  return hn::IfThenElse(hn::IsNaN(x), x, Scaled(d, e, hn::Lt(clamped, hn::Zero(d)), n_plus_magic));
}

// e^x in float32, x of any size.
template <class D, class K = ExpConstants<float>>
HWY_NOINLINE hn::Vec<D> ExpAnywhere(D d, hn::Vec<D> x) {
  const auto clamped = hn::Min(hn::Max(x, hn::Set(d, K::kLow)), hn::Set(d, K::kHigh));
  const auto e = ExpOfTable(d, clamped);
  const auto magic = hn::Set(d, K::kMagic);
  const auto k = hn::Floor(hn::Mul(hn::Sub(hn::BitCast(d, e.at), magic), hn::Set(d, 0.0625f)));
  const auto y = Scaled(d, FastTwoSum(e.high, e.low), hn::Lt(clamped, hn::Zero(d)), hn::Add(k, magic));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D>
HWY_INLINE hn::Vec<D> Exp(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return ExpOfParts(d, x, NoTerm());
  } else {
    // Nearly always all are here, where results are normal numbers.
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Lt(hn::Abs(x), hn::Set(d, 87.0f))))) return ExpAnywhere(d, x);
    const hn::RebindToUnsigned<D> du;
    const auto e = ExpOfTable(d, x);
    return hn::BitCast(d, hn::Add(hn::BitCast(du, hn::Add(e.high, e.low)), e.Exponent()));
  }
}

// 1 + e^x: the bits that the sum with Exp's result has, for less work. A NaN stays.
template <class D, class K = ExpConstants<hn::TFromD<D>>>
HWY_INLINE hn::Vec<D> OnePlusExp(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, hn::TFromD<D>(1));
  // Far below what a sum with 1 shows, and far from denormals.
  const auto clamped = AtMost(hn::Set(d, K::kHigh), AtLeast(hn::Set(d, K::kNormal + 1), x));
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const hn::RebindToUnsigned<D> du;
    const auto e = ExpOfTable(d, clamped);
    const auto power = hn::BitCast(d, hn::Add(e.Exponent(), hn::Set(du, K::kBias << K::kMantissaBits)));
    return hn::MulAdd(hn::Add(e.high, e.low), power, one);
  } else {
    hn::Vec<D> n_plus_magic;
    const auto e = ExpParts(d, clamped, NoTerm(), &n_plus_magic);
    // 2^n as 2 2^(n - 1): n may be 1 more than an exponent.
    const auto sum = hn::Add(e.high, e.low);
    return hn::MulAdd(hn::Add(sum, sum), PowerOfTwo(d, hn::Sub(n_plus_magic, one)), one);
  }
}

// e^x = 2^n e, quick: returns e, and sets n + `magic` as ExpParts does.
template <class D, class K = ExpConstants<hn::TFromD<D>>>
HWY_INLINE hn::Vec<D> QuickExpReduced(D d, hn::Vec<D> x, hn::Vec<D> magic, hn::Vec<D>* n_plus_magic) {
  *n_plus_magic = hn::MulAdd(x, hn::Set(d, K::kLog2E), magic);
  const auto n = hn::Sub(*n_plus_magic, magic);
  const auto near = hn::NegMulAdd(n, hn::Set(d, K::kLn2Hi), x);
  const auto r = hn::NegMulAdd(n, hn::Set(d, K::kLn2Lo), near);
  const auto p = Polynomial<K::kQuickTerms>(d, r);
  return hn::Add(hn::Set(d, hn::TFromD<D>(1)), hn::MulAdd(hn::Mul(r, r), p, r));
}

// e^x for any x, quick; a denormal is rounded twice.
template <class D, class K = ExpConstants<hn::TFromD<D>>>
HWY_INLINE hn::Vec<D> QuickExp(D d, hn::Vec<D> x) {
  const auto clamped = AtMost(hn::Set(d, K::kHigh), AtLeast(hn::Set(d, K::kLow), x));  // a NaN stays
  hn::Vec<D> n_plus_magic;
  const auto e = QuickExpReduced(d, clamped, hn::Set(d, K::kMagic), &n_plus_magic);
  const auto power = TwoFactors(d, hn::Lt(clamped, hn::Zero(d)), n_plus_magic);
  return hn::Mul(hn::Mul(e, power.high), power.low);
}

// e^x where it is a normal number, quick.
template <class D, class K = ExpConstants<hn::TFromD<D>>>
HWY_INLINE hn::Vec<D> ExpNormal(D d, hn::Vec<D> x) {
  hn::Vec<D> n_plus_magic;
  const auto e = QuickExpReduced(d, x, hn::Set(d, K::kMagic), &n_plus_magic);
  return hn::Mul(e, PowerOfTwo(d, n_plus_magic));
}

// The same for softmax and its relatives, whose arguments are at most 0: 0 where e^x is no normal number. A NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> ExpNonPositive(D d, hn::Vec<D> x) {
  const auto low = hn::Set(d, ExpConstants<hn::TFromD<D>>::kNormal);
  const auto e = ExpNormal(d, AtLeast(low, x));
  return hn::IfThenZeroElse(hn::Lt(x, low), e);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
