// Root mean square layer normalisation (Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", eq. 4).
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

inline constexpr OpSchema kRmsNorm = Op("rms_norm")
                                         .Doc("y[..., d] = x[..., d] / sqrt(mean_d(x[..., d]^2) + eps) * weight[d]")
                                         .In("x", "* D")
                                         .In("weight", "D")
                                         .Attr("eps", 1e-6)
                                         .Out("y", "* D");

// With s = 1 / sqrt(mean(x^2) + eps) and g = grad_y * weight:
//   grad_x = s * g - x * s^3 / D * sum_d(g * x),  grad_weight = sum over rows of grad_y * x * s.
inline constexpr OpSchema kRmsNormBackward = Op("rms_norm_backward")
                                                 .Doc("gradients of rms_norm")
                                                 .In("grad_y", "* D")
                                                 .In("x", "* D")
                                                 .In("weight", "D")
                                                 .Attr("eps", 1e-6)
                                                 .Out("grad_x", "* D")
                                                 .Out("grad_weight", "D");

void RmsNormRef(const OpContext&, const TensorView& x, const TensorView& weight, double eps, const TensorView& y);
void RmsNormCpu(const OpContext&, const TensorView& x, const TensorView& weight, double eps, const TensorView& y);
void RmsNormCuda(const OpContext&, const TensorView& x, const TensorView& weight, double eps, const TensorView& y);

void RmsNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                        double eps, const TensorView& grad_x, const TensorView& grad_weight);
// Workspace: RowSumsBytes(x, 1).
void RmsNormBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                        double eps, const TensorView& grad_x, const TensorView& grad_weight);

namespace ops::rms_norm {
extern const std::array<OpDef, 2> kOps;
extern const std::array<OpDef, 1> kCudaOps;
}  // namespace ops::rms_norm

}  // namespace strata
