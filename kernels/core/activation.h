// The activations that fused epilogues know: one list for every op with such an attribute.
//
//   .Choice("activation", kActivations)
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

namespace strata {

inline constexpr std::string_view kActivations = "none|gelu|gelu_tanh|relu|silu";
// In the order of kActivations.
enum class Activation : uint8_t { kNone, kGelu, kGeluTanh, kRelu, kSilu };

// For references. On vectors: kernels/simd/activation-inl.h.
inline double Activate(Activation activation, double v) {
  switch (activation) {
    case Activation::kNone:
      return v;
    case Activation::kGelu:
      return 0.5 * v * (1 + std::erf(v * 0.70710678118654752440));
    case Activation::kGeluTanh:
      return 0.5 * v * (1 + std::tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v)));
    case Activation::kRelu:
      return v <= 0 ? 0 : v;
    case Activation::kSilu:
      return v / (1 + std::exp(-v));
  }
  return v;
}

// grad * activation'(v); of relu 0 where it is cut off, whatever grad is.
inline double ActivationGradient(Activation activation, double grad, double v) {
  switch (activation) {
    case Activation::kNone:
      return grad;
    case Activation::kGelu: {
      const double below = 0.5 * (1 + std::erf(v * 0.70710678118654752440));
      return grad * (below + v * 0.39894228040143267794 * std::exp(-0.5 * v * v));
    }
    case Activation::kGeluTanh: {
      const double t = std::tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v));
      return grad * 0.5 * (1 + t + v * (1 - t * t) * 0.79788456080286535588 * (1 + 3 * 0.044715 * v * v));
    }
    case Activation::kRelu:
      return v <= 0 ? 0 : grad;
    case Activation::kSilu: {
      const double gate = 1 / (1 + std::exp(-v));
      return grad * gate * (1 + v * (1 - gate));
    }
  }
  return grad;
}

}  // namespace strata
