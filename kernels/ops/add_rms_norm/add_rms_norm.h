// Root mean square normalisation of x + residual, which is given back, too: the step between two blocks of a
// transformer in one pass.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// The sum is rounded to the dtype, as add does it: the results are those of add and rms_norm, bit for bit.
inline constexpr OpSchema kAddRmsNorm =
    Op("add_rms_norm")
        .Doc("y = s / sqrt(mean_d(s^2) + eps) * weight[d] and s, where s = x + residual")
        .In("x", "* D")
        .In("residual", "* D")
        .In("weight", "D")
        .Attr("eps", 1e-6)
        .Out("y", "* D")
        .Out("sum", "* D");

// grad_x = grad_sum + the gradient of rms_norm at sum, rounded before the addition; it is the residual's gradient, too.
inline constexpr OpSchema kAddRmsNormBackward = Op("add_rms_norm_backward")
                                                    .Doc("gradients of add_rms_norm; grad_x is the residual's, too")
                                                    .In("grad_y", "* D")
                                                    .In("grad_sum", "* D")
                                                    .In("sum", "* D")
                                                    .In("weight", "D")
                                                    .Attr("eps", 1e-6)
                                                    .Out("grad_x", "* D")
                                                    .Out("grad_weight", "D");

void AddRmsNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                   double eps, const TensorView& y, const TensorView& sum);
// Workspace: a row for each thread.
void AddRmsNormCpu(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                   double eps, const TensorView& y, const TensorView& sum);

void AddRmsNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                           const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                           const TensorView& grad_weight);
// Workspace: RowSumsBytes(sum, 1).
void AddRmsNormBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                           const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                           const TensorView& grad_weight);

namespace ops::add_rms_norm {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::add_rms_norm

}  // namespace strata
