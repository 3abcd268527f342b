// The logarithm of softmax over the last dim, as torch.log_softmax gives it.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// Not log(softmax(x)), whose small values would have no logarithm. A row of nothing but -inf gives NaN, as in PyTorch.
inline constexpr OpSchema kLogSoftmax =
    Op("log_softmax").Doc("y = x - max_d(x) - log(sum_d(exp(x - max_d(x))))").In("x", "* D").Out("y", "* D");

// grad_x = grad_y - exp(y) * sum_d(grad_y)
inline constexpr OpSchema kLogSoftmaxBackward =
    Op("log_softmax_backward").Doc("gradient of log_softmax").In("grad_y", "* D").In("y", "* D").Out("grad_x", "* D");

void LogSoftmaxRef(const OpContext&, const TensorView& x, const TensorView& y);
void LogSoftmaxCpu(const OpContext&, const TensorView& x, const TensorView& y);

void LogSoftmaxBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& y, const TensorView& grad_x);
void LogSoftmaxBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& y, const TensorView& grad_x);

namespace ops::log_softmax {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::log_softmax

}  // namespace strata
