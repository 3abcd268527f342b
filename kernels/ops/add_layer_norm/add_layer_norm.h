// Layer normalisation of x + residual, which is given back, too: the step between two blocks of a transformer in one
// pass.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// The sum is rounded to the dtype, as add does it: the results are those of add and layer_norm, bit for bit.
inline constexpr OpSchema kAddLayerNorm =
    Op("add_layer_norm")
        .Doc("y = (s - mean_d(s)) / sqrt(var_d(s) + eps) * weight[d] + bias[d] and s, where s = x + residual")
        .In("x", "* D")
        .In("residual", "* D")
        .In("weight", "D")
        .In("bias", "D")
        .Attr("eps", 1e-5)
        .Out("y", "* D")
        .Out("sum", "* D");

// grad_x = grad_sum + the gradient of layer_norm at sum, rounded before the addition; it is the residual's gradient,
// too.
inline constexpr OpSchema kAddLayerNormBackward = Op("add_layer_norm_backward")
                                                      .Doc("gradients of add_layer_norm; grad_x is the residual's, too")
                                                      .In("grad_y", "* D")
                                                      .In("grad_sum", "* D")
                                                      .In("sum", "* D")
                                                      .In("weight", "D")
                                                      .Attr("eps", 1e-5)
                                                      .Out("grad_x", "* D")
                                                      .Out("grad_weight", "D")
                                                      .Out("grad_bias", "D");

void AddLayerNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                     const TensorView& bias, double eps, const TensorView& y, const TensorView& sum);
// Workspace: a row for each thread.
void AddLayerNormCpu(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                     const TensorView& bias, double eps, const TensorView& y, const TensorView& sum);

void AddLayerNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias);
// Workspace: RowSumsBytes(sum, 2).
void AddLayerNormBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias);

namespace ops::add_layer_norm {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::add_layer_norm

}  // namespace strata
