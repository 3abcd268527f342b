// A dense layer: a matrix product with a bias and an activation in its epilogue.
#pragma once

#include <array>

#include "kernels/core/activation.h"
#include "kernels/core/op_def.h"

namespace strata {

// The sum and the bias are rounded to y's dtype before the activation, so that linear(activation="gelu") has the bits
// of gelu(linear()).
inline constexpr OpSchema kLinear = Op("linear")
                                        .Doc("y[..., o] = activation(sum_k(x[..., k] * weight[o, k]) + bias[o])")
                                        .In("x", "* K")
                                        .In("weight", "O K")
                                        .Optional("bias", "O")
                                        .Choice("activation", kActivations)
                                        .Out("y", "* O");

// Of linear without an activation: grad_x = grad_y weight, grad_weight = grad_y^T x, grad_bias = sum over rows of
// grad_y.
inline constexpr OpSchema kLinearBackward = Op("linear_backward")
                                                .Doc("gradients of linear without an activation")
                                                .In("grad_y", "* O")
                                                .In("x", "* K")
                                                .In("weight", "O K")
                                                .Out("grad_x", "* K")
                                                .Out("grad_weight", "O K")
                                                .Out("grad_bias", "O");

void LinearRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView* bias,
               Activation activation, const TensorView& y);
// Workspace: LinearWorkspace.
void LinearCpu(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView* bias,
               Activation activation, const TensorView& y);
// The weight in panels (kernels/simd/gemm_plan.h).
void LinearPrepareCpu(const TensorView& weight, void* out);

// bfloat16 by vdpbf16ps; the weight in panels of its own (kernels/dot/dot.h). REQUIRES: Cpu().avx512_bf16.
void LinearBf16Dot(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView* bias,
                   Activation activation, const TensorView& y);
// The same by AMX. REQUIRES: Cpu().amx_bf16.
void LinearBf16Amx(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView* bias,
                   Activation activation, const TensorView& y);
void LinearBf16Prepare(const TensorView& weight, void* out);
void LinearBackwardBf16Dot(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                           const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias);

void LinearBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                       const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias);
void LinearBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                       const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias);
void LinearBackwardBf16Amx(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                           const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias);

namespace ops::linear {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::linear

}  // namespace strata
