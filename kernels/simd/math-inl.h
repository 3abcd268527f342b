// Exp, Log, Erf and Tanh on vectors of float32 or float64: own polynomials made of MulAdd and exact steps only, so that
// every target gives the same bits. Included once per SIMD target.
//
//   const auto y = Tanh(d, x);
//
// float32 Erf and Tanh are computed in float64 and rounded once. Errors (kernels/simd/math_test.cc): Erf below 0.51 ulp
// in float32, 1 in float64; Tanh below 0.51 and 0.6. For Exp and Log see exp-inl.h and log-inl.h. Infinities and NaN
// are IEEE's; the sign of zero is kept.
//
// The coefficients are minimax fits (Remez exchange in 60 digits) or interpolate at Chebyshev's points. In float64:
// erf(x) / x - 1 in x^2 on [0, 1]; -log(erfc(x)) on [1, 6], weighted by erfc(x); (tanh(x) / x - 1) / x^2 in x^2 on
// [0, 0.3]. For float32: erf(x) / x in x^2 / 8 - 1 on [0, 4]; (e^r - 1) / r on |r| <= ln2 / 2.
#if defined(STRATA_KERNELS_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_MATH_INL_H_
#undef STRATA_KERNELS_SIMD_MATH_INL_H_
#else
#define STRATA_KERNELS_SIMD_MATH_INL_H_
#endif

#include <hwy/highway.h>

#include <array>

#include "kernels/simd/exp-inl.h"
#include "kernels/simd/log-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr double kErfFirst = 0.12837916709551256, kErfSecond = -0.3761263890318355;
inline constexpr std::array<double, 10> kErfTerms = {
    -7.801188874097751e-10,  1.3722976265924504e-08, -1.6209175911748696e-07, 1.6447517677871873e-06,
    -1.4924744663335489e-05, 0.00012055295320494294, -0.0008548325989696758,  0.005223977607423468,
    -0.02686617064327622,    0.11283791670945253};
inline constexpr double kErfTailStart = 1.8453794520387468e-07;
inline constexpr std::array<double, 18> kErfTail = {
    -1.0385549029985643e-12, 4.749673341824227e-11,  -1.0166580559770713e-09, 1.3517620860764023e-08,
    -1.2479303464486348e-07, 8.449643684244162e-07,  -4.300725879351103e-06,  1.641768637042057e-05,
    -4.4759102372358864e-05, 6.972589146318852e-05,  4.600041300314171e-05,   -0.0006428977495747488,
    0.0017709982206186115,   -0.0002822930278093583, -0.019076912032641363,   0.10274662120509118,
    0.6366287110503279,      1.1283772808479509};
inline constexpr std::array<double, 9> kTanhTerms = {
    -0.00020334143607071006, 0.0005841696696761349, -0.0014553089316808084, 0.003592100385137649, -0.008863234672269188,
    0.02186948852118312,     -0.05396825396812286,  0.1333333333333329,     -0.3333333333333333};
inline constexpr std::array<double, 19> kShortErfTerms = {
    9.403812402468554e-05, -0.00024642199980983505, 0.00017322967630806508, -0.00032551968560941486,
    0.001410152598130207,  -0.0029097128615879733,  0.0047749464891676035,  -0.008384044356366693,
    0.014381038603613836,  -0.022562558254619065,   0.033053291738967594,   -0.04574431268539967,
    0.05988782957568627,   -0.07473048679557817,    0.09020894134343026,    -0.1077102928865076,
    0.13167511777580795,   -0.17657623580039056,    0.35353099564340495};
inline constexpr std::array<double, 8> kShortExpm1Terms = {
    2.486793656219774e-05, 0.00019907635726592097, 0.0013888839010858958, 0.008333283438946465,
    0.041666666786625194,  0.1666666678666822,     0.49999999999954925,   0.999999999995491};

// erf with 31 bits: to be rounded to float32.
template <class D>
HWY_INLINE hn::Vec<D> ShortErf(D d, hn::Vec<D> x) {
  const auto top = hn::Set(d, 4.0);
  const auto a = hn::Max(hn::Min(x, top), hn::Neg(top));
  const auto w = hn::MulSub(hn::Mul(a, hn::Set(d, 0.125)), a, hn::Set(d, 1.0));
  return hn::Mul(a, Polynomial<kShortErfTerms>(d, w));
}

// e^x - 1 = 2^n (e^r - 1) + (2^n - 1), which cancels nowhere, with 33 bits. REQUIRES: |x| is at most 500.
template <class D>
HWY_INLINE hn::Vec<D> ShortExpm1(D d, hn::Vec<D> x) {
  const auto magic = hn::Set(d, ExpConstants<double>::kMagic);
  const auto n_plus_magic = hn::MulAdd(x, hn::Set(d, ExpConstants<double>::kLog2E), magic);
  const auto r = hn::NegMulAdd(hn::Sub(n_plus_magic, magic), hn::Set(d, 0x1.62e42fefa39efp-1), x);
  const auto power = PowerOfTwo(d, n_plus_magic);
  const auto less_one = hn::Sub(power, hn::Set(d, 1.0));
  return hn::MulAdd(hn::Mul(power, r), Polynomial<kShortExpm1Terms>(d, r), less_one);
}

// tanh with 33 bits: (e^2x - 1) / (e^2x + 1).
template <class D>
HWY_INLINE hn::Vec<D> ShortTanh(D d, hn::Vec<D> x) {
  const auto top = hn::Set(d, 10.0), a = hn::Max(hn::Min(x, top), hn::Neg(top));
  const auto less_one = ShortExpm1(d, hn::Add(a, a));
  return hn::Div(less_one, hn::Add(less_one, hn::Set(d, 2.0)));
}

// a + a P(a^2) on [0, 1]; what P's second coefficient rounds off is carried to the last step.
template <class D>
HWY_INLINE hn::Vec<D> ErfNear(D d, hn::Vec<D> a) {
  const auto z = hn::Mul(a, a);
  const auto inner = FastTwoSum(hn::Set(d, kErfSecond), hn::Mul(z, Polynomial<kErfTerms>(d, z)));
  const auto product = TwoProduct(a, hn::MulAdd(z, inner.high, hn::Set(d, kErfFirst)));
  const auto y = FastTwoSum(a, product.high);
  return hn::Add(y.high, hn::Add(y.low, hn::MulAdd(hn::Mul(a, z), inner.low, product.low)));
}

// 1 - e^-P(a), carried in two parts to the last step. REQUIRES: a is in [0, 6]; below 1 the result is no erf.
template <class D>
HWY_INLINE hn::Vec<D> ErfFar(D d, hn::Vec<D> a) {
  const auto product = TwoProduct(a, Polynomial<kErfTail>(d, a));
  const auto p = FastTwoSum(product.high, hn::Set(d, kErfTailStart));
  const auto p_low = hn::Add(product.low, p.low);
  hn::Vec<D> n_plus_magic;
  const auto e = ExpParts(d, hn::Neg(p.high), hn::Neg(p_low), &n_plus_magic);
  const auto power = PowerOfTwo(d, n_plus_magic);
  const auto y = FastTwoSum(hn::Set(d, 1.0), hn::Neg(hn::Mul(power, e.high)));
  return hn::Add(y.high, hn::NegMulAdd(power, e.low, y.low));
}

template <class D>
HWY_INLINE hn::Vec<D> Erf(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const auto y = InDouble(d, x, [](auto dd, auto v) HWY_ATTR { return ShortErf(dd, v); });
    return hn::IfThenElse(hn::IsNaN(x), x, y);
  } else {
    const auto a = hn::Min(hn::Abs(x), hn::Set(d, 6.0));
    const auto y = hn::CopySign(hn::IfThenElse(hn::Lt(a, hn::Set(d, 1.0)), ErfNear(d, a), ErfFar(d, a)), x);
    return hn::IfThenElse(hn::IsNaN(x), x, y);
  }
}

// 1 - 2 / (e^2a + 1), carried in two parts to the last step. REQUIRES: a is in [0.2, 20].
template <class D>
HWY_INLINE hn::Vec<D> TanhFar(D d, hn::Vec<D> a) {
  const auto one = hn::Set(d, 1.0), two = hn::Set(d, 2.0);
  hn::Vec<D> n_plus_magic;
  const auto parts = ExpParts(d, hn::Add(a, a), NoTerm(), &n_plus_magic);
  const auto e = FastTwoSum(parts.high, parts.low);
  const auto power = PowerOfTwo(d, n_plus_magic);
  const auto below = FastTwoSum(hn::Mul(power, e.high), one);
  const auto below_low = hn::MulAdd(power, e.low, below.low);
  const auto q = hn::Div(two, below.high);
  const auto left = hn::NegMulAdd(q, below_low, hn::NegMulAdd(q, below.high, two));
  const auto q_low = hn::Mul(left, hn::Mul(q, hn::Set(d, 0.5)));
  const auto y = FastTwoSum(one, hn::Neg(q));
  return hn::Add(y.high, hn::Sub(y.low, q_low));
}

template <class D>
HWY_INLINE hn::Vec<D> Tanh(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const auto y = InDouble(d, x, [](auto dd, auto v) HWY_ATTR { return ShortTanh(dd, v); });
    return hn::IfThenElse(hn::Or(hn::IsNaN(x), hn::Eq(x, hn::Zero(d))), x, y);
  } else {
    const auto a = hn::Min(hn::Abs(x), hn::Set(d, 20.0)), square = hn::Mul(a, a);
    const auto near_zero = hn::MulAdd(hn::Mul(a, square), Polynomial<kTanhTerms>(d, square), a);
    const auto y = hn::CopySign(hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.3)), near_zero, TanhFar(d, a)), x);
    return hn::IfThenElse(hn::IsNaN(x), x, y);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_MATH_INL_H_
