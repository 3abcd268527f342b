// Activations on vectors: what the ops gelu, relu and silu compute and what fused epilogues compute, so the same bits.
// Included once per SIMD target.
//
//   const auto y = Gelu(d, x);
#if defined(STRATA_KERNELS_SIMD_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ACTIVATION_INL_H_
#undef STRATA_KERNELS_SIMD_ACTIVATION_INL_H_
#else
#define STRATA_KERNELS_SIMD_ACTIVATION_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/core/activation.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/normal-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// The normal distribution's Phi(x) = (1 + erf(x / sqrt(2))) / 2.
template <class D>
HWY_INLINE hn::Vec<D> NormalCdf(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::IfThenElse(hn::IsNaN(x), x, OneSided<kNormalTail>(d, x));
  } else {
    return hn::Mul(hn::Set(d, 0.5), hn::Add(hn::Set(d, 1.0), Erf(d, hn::Mul(x, hn::Set(d, 0.70710678118654752440)))));
  }
}

// 1 / (1 + e^-x)
template <class D>
HWY_INLINE hn::Vec<D> Sigmoid(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, hn::TFromD<D>(1));
  return hn::Div(one, OnePlusExp(d, hn::Neg(x)));
}

// x * Phi(x)
template <class D>
HWY_INLINE hn::Vec<D> Gelu(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::Mul(x, OneSided<kNormalTail>(d, x));  // a NaN by the product
  } else {
    return hn::Mul(x, NormalCdf(d, x));
  }
}

// x / 2 (1 + tanh(u)) = x / (1 + e^-2u), u = sqrt(2 / pi) (x + 0.044715 x^3): without a tanh that rounds to -1.
template <class D>
HWY_INLINE hn::Vec<D> GeluTanhExponent(D d, hn::Vec<D> x) {
  using F = hn::TFromD<D>;
  const auto cube = hn::Mul(hn::Mul(x, x), x);
  const auto inner = hn::MulAdd(cube, hn::Set(d, static_cast<F>(0.044715)), x);
  return hn::Mul(inner, hn::Set(d, static_cast<F>(-2 * 0.79788456080286535588)));
}
template <class D>
HWY_INLINE hn::Vec<D> GeluTanh(D d, hn::Vec<D> x) {
  return hn::Div(x, OnePlusExp(d, GeluTanhExponent(d, x)));
}

// max(x, 0), NaN where x is NaN.
template <class D>
HWY_INLINE hn::Vec<D> Relu(D d, hn::Vec<D> x) {
  return hn::IfThenElse(hn::Le(x, hn::Zero(d)), hn::Zero(d), x);
}

// x / (1 + e^-x)
template <class D>
HWY_INLINE hn::Vec<D> Silu(D d, hn::Vec<D> x) {
  return hn::Div(x, OnePlusExp(d, hn::Neg(x)));
}

// Phi(x) + x * phi(x), the derivative of Gelu.
template <class D>
HWY_INLINE hn::Vec<D> GeluSlope(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::IfThenElse(hn::IsNaN(x), x, OneSided<kGeluSlopeTail>(d, x));
  } else {
    const auto bell = QuickExp(d, hn::Mul(hn::Mul(x, hn::Set(d, -0.5)), x));
    return hn::MulAdd(hn::Mul(x, hn::Set(d, 0.39894228040143267794)), bell, NormalCdf(d, x));
  }
}

// s + x s (1 - s) 2 u', s = 1 / (1 + e^-2u)
template <class D>
HWY_INLINE hn::Vec<D> GeluTanhSlope(D d, hn::Vec<D> x) {
  using F = hn::TFromD<D>;
  const auto one = hn::Set(d, F(1)), root = hn::Set(d, static_cast<F>(2 * 0.79788456080286535588));
  const auto e = QuickExp(d, GeluTanhExponent(d, x)), s = hn::Div(one, hn::Add(one, e));
  const auto inner = hn::Mul(root, hn::MulAdd(hn::Mul(x, x), hn::Set(d, static_cast<F>(3 * 0.044715)), one));
  // 1 - s without cancellation, where e^-2u is small.
  const auto rest = hn::IfThenElse(hn::Lt(e, one), hn::Mul(s, e), hn::Sub(one, s));
  return hn::MulAdd(hn::Mul(hn::Mul(x, s), rest), inner, s);
}

// With s = sigmoid(x): s * (1 + x * (1 - s)).
template <class D>
HWY_INLINE hn::Vec<D> SiluSlope(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, hn::TFromD<D>(1)), s = Sigmoid(d, x);
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

// grad * activation'(x); of relu 0 where it is cut off, whatever grad is.
template <class D>
HWY_NOINLINE hn::Vec<D> ActivationGradient(D d, Activation activation, hn::Vec<D> grad, hn::Vec<D> x) {
  switch (activation) {
    case Activation::kGelu:
      return hn::Mul(grad, GeluSlope(d, x));
    case Activation::kGeluTanh:
      return hn::Mul(grad, GeluTanhSlope(d, x));
    case Activation::kRelu:
      return hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), grad);
    case Activation::kSilu:
      return hn::Mul(grad, SiluSlope(d, x));
    case Activation::kNone:
      break;
  }
  return grad;
}

// Not inlined: a kernel has many epilogues.
template <class D>
HWY_NOINLINE hn::Vec<D> Activate(D d, Activation activation, hn::Vec<D> v) {
  switch (activation) {
    case Activation::kGelu:
      return Gelu(d, v);
    case Activation::kGeluTanh:
      return GeluTanh(d, v);
    case Activation::kRelu:
      return Relu(d, v);
    case Activation::kSilu:
      return Silu(d, v);
    case Activation::kNone:
      break;
  }
  return v;
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ACTIVATION_INL_H_
