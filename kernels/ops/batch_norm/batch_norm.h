// Batch normalisation in its inference form (Ioffe & Szegedy 2015, "Batch Normalization", algorithm 2, line 11): with
// the mean and variance that training has gathered.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// x is [batch, channels, places]: an image's height and width are one dim. The gradient is in batch_norm.py:
// fine-tuning with frozen statistics needs it.
inline constexpr OpSchema kBatchNorm = Op("batch_norm")
                                           .Doc("y = (x - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c]")
                                           .In("x", "N C S")
                                           .In("mean", "C")
                                           .In("var", "C")
                                           .In("weight", "C")
                                           .In("bias", "C")
                                           .Attr("eps", 1e-5)
                                           .Out("y", "N C S")
                                           .Batch("N");

void BatchNormRef(const OpContext&, const TensorView& x, const TensorView& mean, const TensorView& var,
                  const TensorView& weight, const TensorView& bias, double eps, const TensorView& y);
void BatchNormCpu(const OpContext&, const TensorView& x, const TensorView& mean, const TensorView& var,
                  const TensorView& weight, const TensorView& bias, double eps, const TensorView& y);

namespace ops::batch_norm {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::batch_norm

}  // namespace strata
