// The Gaussian error linear unit (Hendrycks & Gimpel 2016). A linear layer that ends in one fuses it, with these bits.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

enum class GeluApproximation { kNone, kTanh };

inline constexpr OpSchema kGelu =
    Op("gelu")
        .Doc("y = x / 2 * (1 + erf(x / sqrt(2))), or x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))")
        .In("x", "*")
        .Choice("approximate", "none|tanh")
        .Out("y", "*");

// grad_x = grad_y * (Phi(x) + x * phi(x)) with the normal distribution's Phi and phi; with tanh, where
// t = tanh(sqrt(2 / pi) * (x + 0.044715 x^3)): grad_y / 2 * (1 + t + x * (1 - t^2) * sqrt(2 / pi) * (1 + 0.134145
// x^2)).
inline constexpr OpSchema kGeluBackward = Op("gelu_backward")
                                              .Doc("gradient of gelu")
                                              .In("grad_y", "*")
                                              .In("x", "*")
                                              .Choice("approximate", "none|tanh")
                                              .Out("grad_x", "*");

void GeluRef(const OpContext&, const TensorView& x, GeluApproximation approximate, const TensorView& y);
void GeluCpu(const OpContext&, const TensorView& x, GeluApproximation approximate, const TensorView& y);

void GeluBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, GeluApproximation approximate,
                     const TensorView& grad_x);
void GeluBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, GeluApproximation approximate,
                     const TensorView& grad_x);

namespace ops::gelu {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::gelu

}  // namespace strata
