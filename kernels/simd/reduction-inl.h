// One step of every reduction, for sums along rows (LaneFold) and down columns alike. Included once per SIMD target.
//
//   Step<Reduction::kMax>::Run(d, acc, v)   // acc and the next element
//   Step<Reduction::kMax>::Join(d, a, b)    // two partial results
//   Step<Reduction::kMax>::Start<F>()       // the result of nothing
#if defined(STRATA_KERNELS_SIMD_REDUCTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_REDUCTION_INL_H_
#undef STRATA_KERNELS_SIMD_REDUCTION_INL_H_
#else
#define STRATA_KERNELS_SIMD_REDUCTION_INL_H_
#endif

#include <hwy/highway.h>

#include <limits>
#include <type_traits>

#include "kernels/simd/reduction.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What var and std are computed in: float32 in float64, as PyTorch's are, and rounded once.
template <class T>
using VarianceType = std::conditional_t<std::is_same_v<T, BF16>, float, double>;

template <Reduction kReduction>
struct Step {
  static constexpr bool kIsMax = kReduction == Reduction::kMax, kIsMin = kReduction == Reduction::kMin;

  template <class F>
  static constexpr F Start() {
    constexpr F kInfinity = std::numeric_limits<F>::infinity();
    return kIsMax ? -kInfinity : kIsMin ? kInfinity : F(0);
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> Join([[maybe_unused]] D d, hn::Vec<D> a, hn::Vec<D> b) {
    // A NaN stays, whichever of the two it is.
    if constexpr (kIsMax) return hn::IfThenElse(hn::IsNaN(b), b, AtLeast(b, a));
    if constexpr (kIsMin) return hn::IfThenElse(hn::IsNaN(b), b, AtMost(b, a));
    return hn::Add(a, b);
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> Run(D d, hn::Vec<D> acc, hn::Vec<D> v) {
    if constexpr (kReduction == Reduction::kSumSquares) return hn::MulAdd(v, v, acc);
    return Join(d, acc, v);
  }
};

// Calls f(std::integral_constant<Reduction, r>()) for the fold that a reduction begins with: mean, var and std sum.
template <class Function>
HWY_INLINE void DispatchFold(Reduction reduction, Function f) {
  switch (reduction) {
    case Reduction::kMax:
      return f(std::integral_constant<Reduction, Reduction::kMax>());
    case Reduction::kMin:
      return f(std::integral_constant<Reduction, Reduction::kMin>());
    case Reduction::kSumSquares:
      return f(std::integral_constant<Reduction, Reduction::kSumSquares>());
    default:
      return f(std::integral_constant<Reduction, Reduction::kSum>());
  }
}

// The gradient of one element, from what its row or column has in common.
template <Reduction kReduction, class D>
struct Gradient {
  D d;
  hn::Vec<D> grad;   // of the result
  hn::Vec<D> aside;  // max, min: the result; var, std: the mean
  hn::Vec<D> count;  // max, min: elements that equal the result; var, std: what scales x - mean

  HWY_INLINE hn::Vec<D> At(hn::Vec<D> x) const {
    if constexpr (kReduction == Reduction::kMax || kReduction == Reduction::kMin) {
      return hn::Div(hn::IfThenElseZero(hn::Eq(x, aside), grad), count);
    }
    if constexpr (kReduction == Reduction::kSumSquares) return hn::Mul(hn::Add(x, x), grad);
    if constexpr (kReduction == Reduction::kVar || kReduction == Reduction::kStd) {
      return hn::Mul(hn::Sub(x, aside), count);
    }
    return grad;
  }
};

// Calls f(std::integral_constant<Reduction, r>()) for every reduction but mean, whose gradient is a sum's, scaled.
template <class Function>
HWY_INLINE void DispatchGradient(Reduction reduction, Function f) {
  if (reduction == Reduction::kVar || reduction == Reduction::kStd) {
    return f(std::integral_constant<Reduction, Reduction::kVar>());
  }
  DispatchFold(reduction, f);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
