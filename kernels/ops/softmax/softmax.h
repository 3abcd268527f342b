// Softmax over the last dim. Attention has its own, inside.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// A row of nothing but -inf gives NaN, as in PyTorch: there is no distribution to give.
inline constexpr OpSchema kSoftmax =
    Op("softmax").Doc("y = exp(x - max_d(x)) / sum_d(exp(x - max_d(x)))").In("x", "* D").Out("y", "* D");

// grad_x = y * (grad_y - sum_d(grad_y * y))
inline constexpr OpSchema kSoftmaxBackward =
    Op("softmax_backward").Doc("gradient of softmax").In("grad_y", "* D").In("y", "* D").Out("grad_x", "* D");

void SoftmaxRef(const OpContext&, const TensorView& x, const TensorView& y);
// Workspace: a row of the compute type for each thread.
void SoftmaxCpu(const OpContext&, const TensorView& x, const TensorView& y);

void SoftmaxBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& y, const TensorView& grad_x);
void SoftmaxBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& y, const TensorView& grad_x);

namespace ops::softmax {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::softmax

}  // namespace strata
