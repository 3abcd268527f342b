// Group normalisation (Wu & He 2018, "Group Normalization"), with the silu that follows it in diffusion models.
#pragma once

#include <array>

#include "kernels/core/op_def.h"
#include "kernels/simd/norm_activation.h"

namespace strata {

// x is [batch, channels, places]: an image's height and width are one dim. A group is C / groups channels of one
// sample, which lie together: its mean, then its variance around the mean, are sums along it as along a row of
// layer_norm. The result is rounded to the dtype before silu, as two operators would do it.
inline constexpr OpSchema kGroupNorm =
    Op("group_norm")
        .Doc(
            "y = silu or nothing of (x - mean) / sqrt(var + eps) * weight[c] + bias[c], over C / groups channels and S")
        .In("x", "N C S")
        .In("weight", "C")
        .In("bias", "C")
        .Attr("groups", 1)
        .Range(1, 1 << 20)
        .Attr("eps", 1e-5)
        .Choice("activation", "none|silu")
        .Out("y", "N C S")
        .Divides("groups", "C")
        .Batch("N");

// With z the result before silu, d = grad_y * silu'(z) (rounded to the dtype), n = (x - mean) * s, g = d * weight, and
// means over the group: grad_x = s * (g - mean(g) - n * mean(g * n)); grad_weight = sum over N and S of d * n;
// grad_bias = sum of d. In these n is taken less mean(n), which is zero but for the rounding of x's mean. Sums run
// along S first, then over the channels of a group, or down the batch, in order.
inline constexpr OpSchema kGroupNormBackward = Op("group_norm_backward")
                                                   .Doc("gradients of group_norm")
                                                   .In("grad_y", "N C S")
                                                   .In("x", "N C S")
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

void GroupNormRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& bias,
                  int64_t groups, double eps, NormActivation activation, const TensorView& y);
void GroupNormCpu(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& bias,
                  int64_t groups, double eps, NormActivation activation, const TensorView& y);

void GroupNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                          const TensorView& bias, int64_t groups, double eps, NormActivation activation,
                          const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias);
// Workspace: GroupSumsBytes(), then HeldGroupBytes() (kernels/simd/group_norm_plan.h).
void GroupNormBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                          const TensorView& bias, int64_t groups, double eps, NormActivation activation,
                          const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias);

namespace ops::group_norm {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::group_norm

}  // namespace strata
