// Batch normalisation in its inference form (Ioffe & Szegedy 2015, "Batch Normalization", algorithm 2, line 11): with
// the mean and variance that training has gathered.
//
//   y = relu(batch_norm(x) + residual)      strata.ops.batch_norm(x, mean, var, weight, bias, residual, activation=...)
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

enum class BatchNormActivation : uint8_t { kNone, kRelu };

// x is [batch, channels, places]: an image's height and width are one dim. The residual comes after the norm, since
// that is where a residual network has it (He et al. 2015, figure 2): a block ends with relu(norm(x) + residual), and
// the sum before a norm, which add_layer_norm and its kin give back for transformers, occurs nowhere. The norm is
// rounded to the dtype, then the sum: the results are those of batch_norm, add and relu, bit for bit.
inline constexpr OpSchema kBatchNorm =
    Op("batch_norm")
        .Doc("y = relu or nothing of (x - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c] + residual")
        .In("x", "N C S")
        .In("mean", "C")
        .In("var", "C")
        .In("weight", "C")
        .In("bias", "C")
        .Optional("residual", "N C S")
        .Attr("eps", 1e-5)
        .Choice("activation", "none|relu")
        .Out("y", "N C S")
        .Batch("N");

// Fine-tuning with frozen statistics needs it. With g = grad_y where y > 0 (relu) or grad_y, n = (x - mean) * scale and
// scale = 1 / sqrt(var + eps): grad_x = g weight scale, grad_weight = sum of g n, grad_bias = sum of g,
// grad_residual = g, empty where need_residual = 0; grad_mean and grad_var follow from the sums.
inline constexpr OpSchema kBatchNormBackward = Op("batch_norm_backward")
                                                   .Doc("gradients of batch_norm")
                                                   .In("grad_y", "N C S")
                                                   .In("x", "N C S")
                                                   .In("mean", "C")
                                                   .In("var", "C")
                                                   .In("weight", "C")
                                                   .In("y", "N C S")
                                                   .Attr("eps", 1e-5)
                                                   .Choice("activation", "none|relu")
                                                   .Attr("need_residual", 1)
                                                   .Range(0, 1)
                                                   .Out("grad_x", "N C S")
                                                   .Out("grad_mean", "C")
                                                   .Out("grad_var", "C")
                                                   .Out("grad_weight", "C")
                                                   .Out("grad_bias", "C")
                                                   .Out("grad_residual", "N*need_residual C S")
                                                   .Batch("N");

void BatchNormRef(const OpContext&, const TensorView& x, const TensorView& mean, const TensorView& var,
                  const TensorView& weight, const TensorView& bias, const TensorView* residual, double eps,
                  BatchNormActivation activation, const TensorView& y);
void BatchNormCpu(const OpContext&, const TensorView& x, const TensorView& mean, const TensorView& var,
                  const TensorView& weight, const TensorView& bias, const TensorView* residual, double eps,
                  BatchNormActivation activation, const TensorView& y);

// The arguments of batch_norm_backward by name.
struct BatchNormBackwardCall {
  const TensorView &grad_y, &x, &mean, &var, &weight, &y;
  double eps;
  bool relu;
  const TensorView &grad_x, &grad_mean, &grad_var, &grad_weight, &grad_bias, &grad_residual;

  explicit BatchNormBackwardCall(const Call& call);
};

void BatchNormBackwardRef(const OpContext&, const Call&);
// Workspace: two numbers of the compute type for each channel of each sample.
void BatchNormBackwardCpu(const OpContext&, const Call&);

namespace ops::batch_norm {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::batch_norm

}  // namespace strata
