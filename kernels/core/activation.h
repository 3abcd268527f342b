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

}  // namespace strata
