// A dense layer: a matrix product with bias, activation, gate and residual in its epilogue.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/base/function_ref.h"
#include "kernels/core/activation.h"
#include "kernels/core/op_def.h"
#include "kernels/simd/gemm_plan.h"

namespace strata {

// Every step rounds to y's dtype, so that linear(activation="gelu", residual=r) has the bits of add(gelu(linear()), r).
// A gated layer, SwiGLU say, is linear(x, up, gate=linear(x, gate, activation="silu")).
inline constexpr OpSchema kLinear =
    Op("linear")
        .Doc("y[..., o] = activation(sum_k(x[..., k] * weight[o, k]) + bias[o]) * gate[..., o] + residual[..., o]")
        .In("x", "* K")
        .In("weight", "O K")
        .Optional("bias", "O")
        .Optional("gate", "* O")
        .Optional("residual", "* O")
        .Choice("activation", kActivations)
        .Out("y", "* O");

// linear that also keeps what its gradient needs: the sum and the bias ahead of the activation.
inline constexpr OpSchema kLinearTraining =
    Op("linear_training")
        .Doc("linear's y, and before[..., o] = sum_k(x[..., k] * weight[o, k]) + bias[o], which its gradient needs")
        .In("x", "* K")
        .In("weight", "O K")
        .Optional("bias", "O")
        .Optional("gate", "* O")
        .Optional("residual", "* O")
        .Choice("activation", kActivations)
        .Out("y", "* O")
        .Out("before", "* O");

// With g = grad_y * gate * activation'(before), rounded after each product as the unfused operators would:
// grad_x = g weight, grad_weight = g^T x, grad_bias = sum over rows of g, grad_gate = grad_y * activation(before).
// Without `before` it is computed again, where it is needed. need_... = 0 leaves a gradient out, empty.
inline constexpr OpSchema kLinearBackward = Op("linear_backward")
                                                .Doc("gradients of linear")
                                                .In("grad_y", "* O")
                                                .In("x", "* K")
                                                .In("weight", "O K")
                                                .Optional("bias", "O")
                                                .Optional("gate", "* O")
                                                .Optional("before", "* O")
                                                .Choice("activation", kActivations)
                                                .Attr("need_x", 1)
                                                .Range(0, 1)
                                                .Attr("need_weight", 1)
                                                .Range(0, 1)
                                                .Attr("need_bias", 1)
                                                .Range(0, 1)
                                                .Attr("need_gate", 1)
                                                .Range(0, 1)
                                                .Out("grad_x", "* K*need_x")
                                                .Out("grad_weight", "O*need_weight K")
                                                .Out("grad_bias", "O*need_bias")
                                                .Out("grad_gate", "* O*need_gate");

// The arguments of linear and linear_training by name.
struct LinearCall {
  const TensorView &x, &weight;
  const TensorView *bias, *gate, *residual;
  Activation activation;
  const TensorView& y;
  const TensorView* before;  // nullptr: linear

  explicit LinearCall(const Call& call);
  // Without anything after the bias.
  LinearCall(const TensorView& x, const TensorView& weight, const TensorView* bias, const TensorView& y);

  // The sums are y itself.
  bool plain() const {
    return bias == nullptr && activation == Activation::kNone && gate == nullptr && residual == nullptr &&
           before == nullptr;
  }
};

// Those of linear_backward.
struct LinearBackwardCall {
  const TensorView &grad_y, &x, &weight;
  const TensorView *bias, *gate, *before;
  Activation activation;
  const TensorView &grad_x, &grad_weight, &grad_bias, &grad_gate;

  explicit LinearBackwardCall(const Call& call);

  // The gradient of the sums is grad_y itself.
  bool plain() const { return activation == Activation::kNone && gate == nullptr; }
  bool computes_before() const {
    return before == nullptr && (activation != Activation::kNone || grad_gate.numel() > 0);
  }
};

void LinearRef(const OpContext&, const Call&);
void LinearBackwardRef(const OpContext&, const Call&);

// Workspace: a GemmPlan's.
void LinearCpu(const OpContext&, const LinearCall&, GemmBlocks blocks = {});
// The weight in panels (kernels/simd/gemm_plan.h).
void LinearPrepareCpu(const TensorView& weight, void* out);
// What these and LinearBackwardCpu do in float64.
void LinearF64(const OpContext&, const LinearCall&, GemmBlocks blocks);
void LinearPrepareF64(const TensorView& weight, void* out);
void LinearProductsF64(const OpContext&, const LinearBackwardCall&, const TensorView& sums_grad);

// bfloat16 by vdpbf16ps; the weight in panels of its own (kernels/dot/dot.h). REQUIRES: Cpu().avx512_bf16.
void LinearBf16Dot(const OpContext&, const Call&);
// With smaller groups of rows.
void LinearBf16DotNarrow(const OpContext&, const Call&);
// The same by AMX. REQUIRES: Cpu().amx_bf16.
void LinearBf16Amx(const OpContext&, const Call&);
void LinearBf16Prepare(const TensorView& weight, void* out);

// Workspace: LinearBackwardSpace, then what the largest product takes.
void LinearBackwardCpu(const OpContext&, const Call&);
void LinearBackwardBf16Dot(const OpContext&, const Call&);
void LinearBackwardBf16Amx(const OpContext&, const Call&);

// The start of linear_backward's workspace, in bytes: `before` where it is computed again, the sums' gradient where it
// is not grad_y, and what blocks of rows add to grad_bias.
struct LinearBackwardSpace {
  size_t before, sums_grad, bias;

  explicit LinearBackwardSpace(const LinearBackwardCall& call);
  size_t bytes() const { return before + sums_grad + bias; }
};

// All of linear_backward but its two products: makes grad_bias, grad_gate and the gradient of the sums, which it
// returns. `forward` makes `before` in the way of the caller's numerics class. `products` becomes a context with the
// rest of the workspace.
TensorView LinearBackwardElements(const OpContext& context, const LinearBackwardCall& call,
                                  FunctionRef<void(const OpContext&, const LinearCall&)> forward, OpContext* products);

namespace ops::linear {
extern const std::array<OpDef, 3> kOps;
}  // namespace ops::linear

}  // namespace strata
