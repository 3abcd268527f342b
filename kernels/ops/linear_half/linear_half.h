// A dense layer whose weights are float16 or bfloat16 while its inputs are wider: half the memory to read, the same
// arithmetic.
//
//   y = linear_half(x, weight)  has the bits of  linear(x, weight widened to float32), for x in float32
//
// x in bfloat16 is computed in float32, too (class ieee: no dot-product instructions), and y rounded once.
#pragma once

#include <array>

#include "kernels/core/activation.h"
#include "kernels/core/op_def.h"

namespace strata {

inline constexpr TypeSpec kHalves = {SetOf(DType::kF16) | SetOf(DType::kBF16), '\0'};

inline constexpr OpSchema kLinearHalf =
    Op("linear_half")
        .Doc("y[..., o] = activation(sum_k(x[..., k] * weight[o, k]) + bias[o]), weight in float16 or bfloat16")
        .In("x", "* K")
        .In("weight", "O K", kHalves)
        .Optional("bias", "O")
        .Choice("activation", kActivations)
        .Out("y", "* O");

void LinearHalfRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView* bias,
                   Activation activation, const TensorView& y);
// For float32 and bfloat16. Workspace: LinearHalfSpace.
void LinearHalfCpu(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView* bias,
                   Activation activation, const TensorView& y);
// The weight in panels of 32 columns, [k][column].
void LinearHalfPrepare(const TensorView& weight, void* out);
size_t LinearHalfPreparedBytes(const TensorView& weight);

// The parts of the workspace, in bytes: x in float32; for each thread a panel.
struct LinearHalfSpace {
  size_t x, panel;
};
LinearHalfSpace PlanLinearHalf(const TensorView& x, const TensorView& weight);

namespace ops::linear_half {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::linear_half

}  // namespace strata
