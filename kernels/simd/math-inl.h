// Exp, Log, Erf and Tanh on vectors of float32 or float64: own polynomials made of MulAdd and exact steps only, so that
// every target gives the same bits. Included once per SIMD target.
//
//   const auto y = Exp(d, x);
//
// Errors (kernels/simd/math_test.cc): Exp and Log below 1.1 ulp, Erf and Tanh below 1.5 ulp, float32 and float64 alike.
// Infinities, NaN, overflow and underflow to denormals are IEEE's; the sign of zero is kept.
//
// The coefficients are minimax fits (Remez exchange in 60 digits) of: (e^r - 1 - r) / r^2 on |r| <= ln2 / 2;
// (log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2 for 1/sqrt2 <= (1 + s) / (1 - s) <= sqrt2; erf(x) / x - 1 in x^2 on
// [0, 1]; -log(erfc(x)) on [1, 4] and [1, 6], weighted by erfc(x); (tanh(x) / x - 1) / x^2 in x^2 on [0, 0.65].
#if defined(STRATA_KERNELS_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_MATH_INL_H_
#undef STRATA_KERNELS_SIMD_MATH_INL_H_
#else
#define STRATA_KERNELS_SIMD_MATH_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

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
template <class F>
struct MathConstants;

template <>
struct MathConstants<float> {
  using Bits = uint32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr Bits kBias = 127, kSqrtHalf = 0x3f3504f3u;
  static constexpr float kMagic = 0x1.8p23f;  // adding it rounds to an integer, which its low bits then hold
  static constexpr float kTwoToMantissa = 0x1p23f;
  static constexpr float kLog2E = 0x1.715476p+0f;
  static constexpr float kLn2Hi = 0x1.62e4p-1f, kLn2Lo = 0x1.7f7d1cp-20f;  // 15 bits: times an exponent it is exact
  static constexpr float kExpLow = -104.0f, kExpHigh = 89.0f;              // beyond: 0 and infinity
  static constexpr float kExpNormal = -87.33f;                             // the result is a normal number from here on
  static constexpr float kErfTop = 4.0f, kTanhTop = 10.0f;                 // beyond: 1
  static constexpr std::array<float, 5> kExp = {0.0013950601f, 0.00836895313f, 0.041666206f, 0.166665182f, 0.5f};
  static constexpr std::array<float, 4> kLog = {0.235805094f, 0.285374254f, 0.400003314f, 0.666666627f};
  static constexpr std::array<float, 7> kErf = {7.8891193e-5f, -0.000802084571f, 0.00518953661f, -0.0268544462f,
                                                0.112836003f,  -0.37612626f,     0.128379166f};
  static constexpr std::array<float, 8> kErfTail = {2.16866556e-5f, -0.000441333948f, 0.0042045489f, -0.0252082199f,
                                                    0.108418517f,   0.633219957f,     1.12957835f,   -0.000188032558f};
  static constexpr std::array<float, 5> kTanh = {-0.00552877737f, 0.0204835553f, -0.0536930934f, 0.133309022f,
                                                 -0.333332628f};
};

template <>
struct MathConstants<double> {
  using Bits = uint64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr Bits kBias = 1023, kSqrtHalf = 0x3fe6a09e667f3bcdu;
  static constexpr double kMagic = 0x1.8p52;
  static constexpr double kTwoToMantissa = 0x1p52;
  static constexpr double kLog2E = 0x1.71547652b82fep+0;
  static constexpr double kLn2Hi = 0x1.62e42fefa38p-1, kLn2Lo = 0x1.ef35793c7673p-45;
  static constexpr double kExpLow = -746.0, kExpHigh = 710.0;
  static constexpr double kExpNormal = -708.39;
  static constexpr double kErfTop = 6.0, kTanhTop = 20.0;
  static constexpr std::array<double, 10> kExp = {
      2.5118007303490498e-08, 2.7631409861153953e-07, 2.755721582536347e-06, 2.48014896079989e-05, 0.000198412699179372,
      0.0013888888947306526,  0.008333333333306936,   0.04166666666651445,   0.166666666666667,    0.5000000000000013};
  static constexpr std::array<double, 7> kLog = {0.14793444635452224, 0.1531433873803387, 0.1818355127527646,
                                                 0.2222219886749582,  0.2857142873896087, 0.3999999999943371,
                                                 0.6666666666666731};
  static constexpr std::array<double, 12> kErf = {
      -7.801188874097751e-10,  1.3722976265924504e-08, -1.6209175911748696e-07, 1.6447517677871873e-06,
      -1.4924744663335489e-05, 0.00012055295320494294, -0.0008548325989696758,  0.005223977607423468,
      -0.02686617064327622,    0.11283791670945253,    -0.3761263890318355,     0.12837916709551256};
  static constexpr std::array<double, 19> kErfTail = {
      -1.0385549029985643e-12, 4.749673341824227e-11,  -1.0166580559770713e-09, 1.3517620860764023e-08,
      -1.2479303464486348e-07, 8.449643684244162e-07,  -4.300725879351103e-06,  1.641768637042057e-05,
      -4.4759102372358864e-05, 6.972589146318852e-05,  4.600041300314171e-05,   -0.0006428977495747488,
      0.0017709982206186115,   -0.0002822930278093583, -0.019076912032641363,   0.10274662120509118,
      0.6366287110503279,      1.1283772808479509,     1.8453794520387468e-07};
  static constexpr std::array<double, 11> kTanh = {
      -1.5043294769427412e-05, 7.496442731949076e-05, -0.00022657670202026915, 0.0005852964027188392,
      -0.0014546352834086903,  0.003591923636736628,  -0.008863212548833719,   0.021869486904467397,
      -0.053968253900757934,   0.13333333333193856,   -0.3333333333333233};
};

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

// 2^n for an integer n in the range of normal exponents, given as n + kMagic.
template <class D, class K = MathConstants<hn::TFromD<D>>>
HWY_INLINE hn::Vec<D> PowerOfTwo(D d, hn::Vec<D> n_plus_magic) {
  const hn::RebindToUnsigned<D> du;
  const auto biased = hn::Add(hn::BitCast(du, n_plus_magic), hn::Set(du, K::kBias));
  return hn::BitCast(d, hn::ShiftLeft<K::kMantissaBits>(biased));
}

// x = n ln2 + r with |r| <= ln2 / 2; returns e^r and sets n + kMagic. REQUIRES: kExpLow <= x <= kExpHigh.
template <class D, class K = MathConstants<hn::TFromD<D>>>
HWY_INLINE hn::Vec<D> ExpReduced(D d, hn::Vec<D> x, hn::Vec<D>* n_plus_magic) {
  const auto magic = hn::Set(d, K::kMagic);
  *n_plus_magic = hn::MulAdd(x, hn::Set(d, K::kLog2E), magic);
  const auto n = hn::Sub(*n_plus_magic, magic);
  const auto r_high = hn::NegMulAdd(n, hn::Set(d, K::kLn2Hi), x);
  const auto r = hn::NegMulAdd(n, hn::Set(d, K::kLn2Lo), r_high);
  const auto p = Polynomial<K::kExp>(d, r);
  return hn::Add(hn::Set(d, hn::TFromD<D>(1)), hn::MulAdd(hn::Mul(r, r), p, r));
}

// e^x where it is a normal number.
template <class D>
HWY_INLINE hn::Vec<D> ExpNormal(D d, hn::Vec<D> x) {
  hn::Vec<D> n_plus_magic;
  const auto e = ExpReduced(d, x, &n_plus_magic);
  return hn::Mul(e, PowerOfTwo(d, n_plus_magic));
}

template <class D>
HWY_INLINE hn::Vec<D> Exp(D d, hn::Vec<D> x) {
  using K = MathConstants<hn::TFromD<D>>;
  const auto magic = hn::Set(d, K::kMagic);
  const auto clamped = hn::Min(hn::Max(x, hn::Set(d, K::kExpLow)), hn::Set(d, K::kExpHigh));
  hn::Vec<D> n_plus_magic;
  const auto e = ExpReduced(d, clamped, &n_plus_magic);
  // 2^n in two factors, each a normal number: the first product is exact, the second rounds once, also to a denormal.
  const auto n = hn::Sub(n_plus_magic, magic);
  const auto half_plus_magic = hn::MulAdd(n, hn::Set(d, hn::TFromD<D>(0.5)), magic);
  const auto rest_plus_magic = hn::Add(hn::Sub(n, hn::Sub(half_plus_magic, magic)), magic);
  const auto y = hn::Mul(hn::Mul(e, PowerOfTwo(d, half_plus_magic)), PowerOfTwo(d, rest_plus_magic));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// Exp for softmax and its relatives, whose arguments are at most 0: the same bits where e^x is a normal number, 0
// below. A third of Exp's work. A NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> ExpNonPositive(D d, hn::Vec<D> x) {
  const auto low = hn::Set(d, MathConstants<hn::TFromD<D>>::kExpNormal);
  const auto e = ExpNormal(d, AtLeast(low, x));
  return hn::IfThenZeroElse(hn::Lt(x, low), e);
}

// log(x + c) of a sum whose second term is less than x's last place (c of its own type: a zero that costs nothing).
struct NoTerm {};
template <class D, class C>
HWY_INLINE hn::Vec<D> LogPlus(D d, hn::Vec<D> x, [[maybe_unused]] C c) {
  using F = hn::TFromD<D>;
  using K = MathConstants<F>;
  const hn::RebindToUnsigned<D> du;
  constexpr F kInfinity = std::numeric_limits<F>::infinity();
  const auto zero = hn::Zero(d), one = hn::Set(d, F(1));
  // A denormal is made normal first.
  const auto small = hn::Lt(x, hn::Set(d, std::numeric_limits<F>::min()));
  const auto scaled = hn::IfThenElse(small, hn::Mul(x, hn::Set(d, 4 * K::kTwoToMantissa)), x);
  // x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
  const auto offset = hn::Set(du, (K::kBias << K::kMantissaBits) - K::kSqrtHalf);
  const auto biased = hn::ShiftRight<K::kMantissaBits>(hn::Add(hn::BitCast(du, scaled), offset));
  const auto exponent = hn::Sub(biased, hn::Set(du, K::kBias));
  const auto f =
      hn::Sub(hn::BitCast(d, hn::Sub(hn::BitCast(du, scaled), hn::ShiftLeft<K::kMantissaBits>(exponent))), one);
  // An integer below 2^kMantissaBits as a floating-point number: put below the bits of 2^kMantissaBits.
  const auto as_float = hn::BitCast(d, hn::Or(biased, hn::BitCast(du, hn::Set(d, K::kTwoToMantissa))));
  const auto bias = hn::IfThenElse(small, hn::Set(d, K::kTwoToMantissa + K::kBias + K::kMantissaBits + 2),
                                   hn::Set(d, K::kTwoToMantissa + K::kBias));
  const auto k = hn::Sub(as_float, bias);
  const auto s = hn::Div(f, hn::Add(hn::Set(d, F(2)), f));
  const auto z = hn::Mul(s, s);
  const auto r = hn::Mul(z, Polynomial<K::kLog>(d, z));
  const auto half_square = hn::Mul(hn::Mul(hn::Set(d, F(0.5)), f), f);
  auto rest = hn::Mul(k, hn::Set(d, K::kLn2Lo));
  if constexpr (!std::is_same_v<C, NoTerm>) rest = hn::Add(rest, hn::Div(c, x));
  const auto low = hn::MulAdd(s, hn::Add(half_square, r), rest);
  auto y = hn::MulAdd(k, hn::Set(d, K::kLn2Hi), hn::Sub(f, hn::Sub(half_square, low)));
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Set(d, -kInfinity), y);
  y = hn::IfThenElse(hn::Lt(x, zero), hn::Set(d, std::numeric_limits<F>::quiet_NaN()), y);
  return hn::IfThenElse(hn::Or(hn::IsNaN(x), hn::Eq(x, hn::Set(d, kInfinity))), x, y);
}

template <class D>
HWY_INLINE hn::Vec<D> Log(D d, hn::Vec<D> x) {
  return LogPlus(d, x, NoTerm());
}

template <class D>
HWY_INLINE hn::Vec<D> Erf(D d, hn::Vec<D> x) {
  using K = MathConstants<hn::TFromD<D>>;
  const auto one = hn::Set(d, hn::TFromD<D>(1));
  const auto a = hn::Min(hn::Abs(x), hn::Set(d, K::kErfTop));
  const auto near_zero = hn::MulAdd(a, Polynomial<K::kErf>(d, hn::Mul(a, a)), a);
  const auto tail = hn::Sub(one, ExpNormal(d, hn::Neg(Polynomial<K::kErfTail>(d, a))));
  const auto y = hn::CopySign(hn::IfThenElse(hn::Lt(a, one), near_zero, tail), x);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D>
HWY_INLINE hn::Vec<D> Tanh(D d, hn::Vec<D> x) {
  using F = hn::TFromD<D>;
  using K = MathConstants<F>;
  const auto one = hn::Set(d, F(1)), two = hn::Set(d, F(2));
  const auto a = hn::Min(hn::Abs(x), hn::Set(d, K::kTanhTop));
  const auto square = hn::Mul(a, a);
  const auto near_zero = hn::MulAdd(hn::Mul(a, square), Polynomial<K::kTanh>(d, square), a);
  const auto tail = hn::Sub(one, hn::Div(two, hn::Add(ExpNormal(d, hn::Add(a, a)), one)));
  const auto y = hn::CopySign(hn::IfThenElse(hn::Lt(a, hn::Set(d, F(0.65))), near_zero, tail), x);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_MATH_INL_H_
