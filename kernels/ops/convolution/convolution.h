// Convolution over up to three spatial dims (the cross-correlation that deep learning calls so: LeCun et al. 1989).
#pragma once

#include <array>

#include "kernels/core/activation.h"
#include "kernels/core/op_def.h"

namespace strata {

struct Convolution;
struct DotKernel;

// x [N, C, D, H, W], weight [O, C / groups, R, S, T], bias [O]; y [N, O, I, J, K] with
//   I = (D + 2 padding_d - dilation_d (R - 1) - 1) // stride_d + 1, J and K likewise.
// Convolutions of images and of sequences have sizes of 1 in front. Outside of the image x is zero, and its zeros are
// multiplied. A sum goes along (c, r, s, t) as linear's along k.
inline constexpr OpSchema kConvolution =
    Op("convolution")
        .Doc(
            "y[n, o, i, j, k] = activation(sum_(c, r, s, t) x[n, c, i * stride_d + r * dilation_d - padding_d, ...] * "
            "weight[o, c, r, s, t] + bias[o])")
        .In("x", "N C D H W")
        .In("weight", "O E R S T")
        .Optional("bias", "O")
        .Attr("stride_d", 1)
        .Range(1, 1 << 20)
        .Attr("stride_h", 1)
        .Range(1, 1 << 20)
        .Attr("stride_w", 1)
        .Range(1, 1 << 20)
        .Attr("padding_d", 0)
        .Range(0, 1 << 20)
        .Attr("padding_h", 0)
        .Range(0, 1 << 20)
        .Attr("padding_w", 0)
        .Range(0, 1 << 20)
        .Attr("dilation_d", 1)
        .Range(1, 1 << 20)
        .Attr("dilation_h", 1)
        .Range(1, 1 << 20)
        .Attr("dilation_w", 1)
        .Range(1, 1 << 20)
        .Attr("groups", 1)
        .Range(1, 1 << 20)
        .Choice("activation", kActivations)
        .Out("y", "");

void ConvolutionRef(const OpContext&, const Convolution&);
// Workspace: ConvolutionBytes.
void ConvolutionCpu(const OpContext&, const Convolution&);
void ConvolutionF32(const OpContext&, const Convolution&);
void ConvolutionF64(const OpContext&, const Convolution&);
void ConvolutionBf16(const OpContext&, const Convolution&);
// In bfloat16 by dot-product instructions; not where each channel is convolved alone. Workspace: ConvolutionDotBytes.
void ConvolutionBf16Dot(const OpContext&, const Convolution&);
void ConvolutionBf16Amx(const OpContext&, const Convolution&);
size_t ConvolutionDotBytes(const Convolution& c, const DotKernel& kernel, int num_threads);
// The weight's panels (PackB).
void ConvolutionPrepareCpu(const TensorView& weight, void* out);
void ConvolutionPrepareF32(const TensorView& weight, void* out);
void ConvolutionPrepareF64(const TensorView& weight, void* out);
void ConvolutionPrepareBf16(const TensorView& weight, void* out);

namespace ops::convolution {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::convolution

}  // namespace strata
