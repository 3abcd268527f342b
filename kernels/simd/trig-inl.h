// Sin and Cos on vectors of float32 or float64, for angles of any size, the same bits on every target. Included once
// per SIMD target.
//
//   const auto y = Sin(d, x);
//
// Below 2^27 the angle is reduced in vectors with 160 bits of pi / 2, beyond it one by one (reduce_angle.h). float32 is
// computed in float64 and rounded once. The polynomials interpolate (sin(r) / r - 1) / r^2 and (cos(r) - 1 + r^2 / 2) /
// r^4 in r^2 at Chebyshev's points of |r| <= pi / 4. Errors: below 0.8 ulp in float64 (math_test.cc), 0.51 in float32.
#if defined(STRATA_KERNELS_SIMD_TRIG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_TRIG_INL_H_
#undef STRATA_KERNELS_SIMD_TRIG_INL_H_
#else
#define STRATA_KERNELS_SIMD_TRIG_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cmath>
#include <limits>

#include "kernels/simd/math-inl.h"
#include "kernels/simd/reduce_angle.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr std::array<double, 6> kShortSinTerms = {1.5914533820346306e-10, -2.5051081300319015e-08,
                                                         2.755731585691312e-06,  -0.00019841269836278898,
                                                         0.008333333333330627,   -0.16666666666666663};
inline constexpr std::array<double, 6> kShortCosTerms = {-1.1380383100821594e-11, 2.0876114647930045e-09,
                                                         -2.7557317118060557e-07, 2.4801587298465612e-05,
                                                         -0.0013888888888887196,  0.041666666666666664};
inline constexpr std::array<double, 6> kSinTerms = {-7.603891248217324e-13,  1.605881026122568e-10,
                                                    -2.505210787056752e-08,  2.755731922358857e-06,
                                                    -0.00019841269841269792, 1.0 / 120};
inline constexpr std::array<double, 6> kCosTerms = {4.7506322648062225e-14, -1.1470545422792621e-11,
                                                    2.087675634726778e-09,  -2.7557319223059044e-07,
                                                    2.480158730158681e-05,  -0.001388888888888889};

// An angle of [-pi / 4, pi / 4] as high + low, and the quarter turns taken off it, modulo 4, in the low bits.
template <class D>
struct Angle {
  hn::Vec<D> high, low;
  hn::Vec<hn::RebindToUnsigned<D>> quarters;
};

// Lanes of 2^27 and more, which are rare.
template <class D>
HWY_NOINLINE void ReduceLarge(D d, hn::Vec<D> x, Angle<D>* angle) {
  const hn::RebindToUnsigned<D> du;
  constexpr size_t kLanes = hn::MaxLanes(D());
  HWY_ALIGN double from[kLanes], high[kLanes], low[kLanes];
  HWY_ALIGN uint64_t quarters[kLanes];
  hn::Store(x, d, from);
  hn::Store(angle->high, d, high);
  hn::Store(angle->low, d, low);
  hn::Store(angle->quarters, du, quarters);
  for (size_t i = 0; i < kLanes; ++i) {
    if (std::isfinite(from[i]) && std::abs(from[i]) >= 0x1p27) {
      quarters[i] = static_cast<uint64_t>(ReduceAngle(from[i], &high[i], &low[i]));
    } else if (!std::isfinite(from[i])) {
      high[i] = low[i] = std::numeric_limits<double>::quiet_NaN();
    }
  }
  *angle = {hn::Load(d, high), hn::Load(d, low), hn::Load(du, quarters)};
}

template <class D>
HWY_INLINE Angle<D> Reduce(D d, hn::Vec<D> x) {
  const hn::RebindToUnsigned<D> du;
  const auto magic = hn::Set(d, ExpConstants<double>::kMagic);
  const auto n_plus_magic = hn::MulAdd(x, hn::Set(d, 0x1.45f306dc9c883p-1), magic);
  const auto n = hn::Sub(n_plus_magic, magic);
  // pi / 2 in three doubles. The first step is exact; what the second rounds off goes into `low`.
  const auto near = hn::NegMulAdd(n, hn::Set(d, 0x1.921fb54442d18p+0), x);
  const auto second = hn::Set(d, 0x1.1a62633145c07p-54);
  const auto high = hn::NegMulAdd(n, second, near);
  const auto rest = hn::NegMulAdd(n, second, hn::Sub(near, high));
  const auto low = hn::NegMulAdd(n, hn::Set(d, -0x1.f1976b7ed8fbcp-110), rest);
  Angle<D> angle{high, low, hn::BitCast(du, n_plus_magic)};
  if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Lt(hn::Abs(x), hn::Set(d, 0x1p27))))) ReduceLarge(d, x, &angle);
  return angle;
}

template <class D>
struct SineAndCosine {
  hn::Vec<D> sine, cosine;
};

// With 53 bits: to be rounded to float32.
template <class D>
HWY_INLINE SineAndCosine<D> ShortSines(D d, hn::Vec<D> high, hn::Vec<D> low) {
  const auto one = hn::Set(d, 1.0), half = hn::Set(d, 0.5);
  const auto z = hn::Mul(high, high), half_z = hn::Mul(z, half);
  const auto sine_rest =
      hn::MulAdd(hn::Mul(high, z), Polynomial<kShortSinTerms>(d, z), hn::NegMulAdd(half_z, low, low));
  const auto near = hn::Sub(one, half_z);
  const auto lost = hn::Sub(hn::Sub(one, near), half_z);
  const auto terms = hn::MulAdd(hn::Mul(z, z), Polynomial<kShortCosTerms>(d, z), hn::NegMulAdd(high, low, lost));
  return {hn::Add(high, sine_rest), hn::Add(near, terms)};
}

// z (first + z rest) in two parts, where `first` has two.
template <class D>
HWY_INLINE HighLow<hn::Vec<D>> TwoTerms(D d, HighLow<hn::Vec<D>> z, double first, double first_low, hn::Vec<D> rest) {
  const auto factor = FastTwoSum(hn::Set(d, first), hn::Mul(z.high, rest));
  const auto factor_low = hn::MulAdd(z.low, rest, hn::Add(factor.low, hn::Set(d, first_low)));
  const auto y = TwoProduct(z.high, factor.high);
  return {y.high, hn::MulAdd(z.high, factor_low, hn::MulAdd(z.low, factor.high, y.low))};
}

// With 60 bits before the last rounding: the terms up to r^4 have two parts.
template <class D>
HWY_INLINE SineAndCosine<D> Sines(D d, hn::Vec<D> high, hn::Vec<D> low) {
  const auto one = hn::Set(d, 1.0), half = hn::Set(d, 0.5);
  const auto square = TwoProduct(high, high);
  const HighLow<hn::Vec<D>> z = {square.high, hn::MulAdd(hn::Add(high, high), low, square.low)};
  // r + r m, m = z (-1/6 + z ...)
  const auto m = TwoTerms(d, z, -0x1.5555555555555p-3, -0x1.5555555555555p-57, Polynomial<kSinTerms>(d, z.high));
  const auto bend = TwoProduct(high, m.high), sine = FastTwoSum(high, bend.high);
  const auto sine_low = hn::MulAdd(high, m.low, hn::MulAdd(low, m.high, hn::Add(bend.low, low)));
  // 1 - z / 2 + z (z (1/24 + z ...))
  const auto c = TwoTerms(d, z, 0x1.5555555555555p-5, 0x1.5555555555555p-59, Polynomial<kCosTerms>(d, z.high));
  const auto rise = TwoProduct(z.high, c.high), fall = FastTwoSum(one, hn::Neg(hn::Mul(z.high, half)));
  const auto cosine = FastTwoSum(fall.high, rise.high);
  const auto rise_low = hn::MulAdd(z.high, c.low, hn::MulAdd(z.low, c.high, rise.low));
  const auto cosine_low = hn::Add(hn::Add(fall.low, cosine.low), hn::NegMulAdd(z.low, half, rise_low));
  return {hn::Add(sine.high, hn::Add(sine.low, sine_low)), hn::Add(cosine.high, cosine_low)};
}

// The sine of x plus `turn` quarters; kShort: to be rounded to float32.
template <bool kShort, class D>
HWY_INLINE hn::Vec<D> SinOf(D d, hn::Vec<D> x, uint64_t turn) {
  const hn::RebindToUnsigned<D> du;
  const Angle<D> angle = Reduce(d, x);
  SineAndCosine<D> both;
  if constexpr (kShort) {
    both = ShortSines(d, angle.high, angle.low);
  } else {
    both = Sines(d, angle.high, angle.low);
  }
  const auto quarters = hn::Add(angle.quarters, hn::Set(du, turn));
  const auto odd = hn::TestBit(quarters, hn::Set(du, uint64_t{1}));
  const auto sign = hn::ShiftLeft<62>(hn::And(quarters, hn::Set(du, uint64_t{2})));
  const auto y = hn::IfThenElse(hn::RebindMask(d, odd), both.cosine, both.sine);
  return hn::Xor(y, hn::BitCast(d, sign));
}

template <bool kShort = false, class D>
HWY_INLINE hn::Vec<D> Sin(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InDouble(d, x, [](auto dd, auto v) HWY_ATTR { return Sin<true>(dd, v); });
  } else {
    // Zero keeps its sign.
    return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, SinOf<kShort>(d, x, 0));
  }
}

template <bool kShort = false, class D>
HWY_INLINE hn::Vec<D> Cos(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InDouble(d, x, [](auto dd, auto v) HWY_ATTR { return Cos<true>(dd, v); });
  } else {
    return SinOf<kShort>(d, x, 1);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
