// Group normalisation of x + residual, which is given back, too: the step between two blocks of a diffusion model in
// one operator.
#pragma once

#include <array>

#include "kernels/core/op_def.h"
#include "kernels/simd/norm_activation.h"

namespace strata {

// The sum is rounded to the dtype, as add does it: the results are those of add and group_norm, bit for bit.
inline constexpr OpSchema kAddGroupNorm =
    Op("add_group_norm")
        .Doc("y = silu or nothing of (s - mean) / sqrt(var + eps) * weight[c] + bias[c] and s, where s = x + residual")
        .In("x", "N C S")
        .In("residual", "N C S")
        .In("weight", "C")
        .In("bias", "C")
        .Attr("groups", 1)
        .Range(1, 1 << 20)
        .Attr("eps", 1e-5)
        .Choice("activation", "none|silu")
        .Out("y", "N C S")
        .Out("sum", "N C S")
        .Divides("groups", "C")
        .Batch("N");

// grad_x = grad_sum + the gradient of group_norm at sum, rounded before the addition; it is the residual's gradient,
// too.
inline constexpr OpSchema kAddGroupNormBackward = Op("add_group_norm_backward")
                                                      .Doc("gradients of add_group_norm; grad_x is the residual's, too")
                                                      .In("grad_y", "N C S")
                                                      .In("grad_sum", "N C S")
                                                      .In("sum", "N C S")
                                                      .In("weight", "C")
                                                      .In("bias", "C")
                                                      .Attr("groups", 1)
                                                      .Range(1, 1 << 20)
                                                      .Attr("eps", 1e-5)
                                                      .Choice("activation", "none|silu")
                                                      .Out("grad_x", "N C S")
                                                      .Out("grad_weight", "C")
                                                      .Out("grad_bias", "C")
                                                      .Divides("groups", "C")
                                                      .Batch("N");

void AddGroupNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                     const TensorView& bias, int64_t groups, double eps, NormActivation activation, const TensorView& y,
                     const TensorView& sum);
void AddGroupNormCpu(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                     const TensorView& bias, int64_t groups, double eps, NormActivation activation, const TensorView& y,
                     const TensorView& sum);

void AddGroupNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, const TensorView& bias, int64_t groups,
                             double eps, NormActivation activation, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias);
// Workspace: GroupSumsBytes(), then HeldGroupBytes() (kernels/simd/group_norm_plan.h).
void AddGroupNormBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, const TensorView& bias, int64_t groups,
                             double eps, NormActivation activation, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias);

namespace ops::add_group_norm {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::add_group_norm

}  // namespace strata
