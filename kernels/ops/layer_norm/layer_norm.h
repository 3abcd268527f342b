// Layer normalisation (Ba, Kiros & Hinton 2016, "Layer Normalization"). Without the mean: rms_norm.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// The mean first, then the variance around it: E[x^2] - E[x]^2 would cancel where the mean is large.
inline constexpr OpSchema kLayerNorm = Op("layer_norm")
                                           .Doc("y = (x - mean_d(x)) / sqrt(var_d(x) + eps) * weight[d] + bias[d]")
                                           .In("x", "* D")
                                           .In("weight", "D")
                                           .In("bias", "D")
                                           .Attr("eps", 1e-5)
                                           .Out("y", "* D");

// With s = 1 / sqrt(var + eps), n = (x - mean) * s and g = grad_y * weight:
//   grad_x = s * (g - mean_d(g) - n * mean_d(g * n)),
//   grad_weight = sum over rows of grad_y * n,  grad_bias = sum over rows of grad_y.
inline constexpr OpSchema kLayerNormBackward = Op("layer_norm_backward")
                                                   .Doc("gradients of layer_norm")
                                                   .In("grad_y", "* D")
                                                   .In("x", "* D")
                                                   .In("weight", "D")
                                                   .Attr("eps", 1e-5)
                                                   .Out("grad_x", "* D")
                                                   .Out("grad_weight", "D")
                                                   .Out("grad_bias", "D");

void LayerNormRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& bias, double eps,
                  const TensorView& y);
void LayerNormCpu(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& bias, double eps,
                  const TensorView& y);

void LayerNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                          double eps, const TensorView& grad_x, const TensorView& grad_weight,
                          const TensorView& grad_bias);
// Workspace: RowSumsBytes(x, 2).
void LayerNormBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                          double eps, const TensorView& grad_x, const TensorView& grad_weight,
                          const TensorView& grad_bias);

namespace ops::layer_norm {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::layer_norm

}  // namespace strata
