// Clips the gradients of many tensors by their total norm, as torch.nn.utils.clip_grad_norm_ does:
//
//   norm = sqrt(sum of all squares)      g = g min(1, max_norm / (norm + 1e-6))
//
// The order of the sum is part of the definition: 64 virtual lanes within a chunk of kTensorChunk elements of one
// tensor (kernels/simd/tensor_chunks.h), then the chunks of all tensors in order, in float64. Gradients below the limit
// are not touched; a norm that is not a number makes all of them so.
#pragma once

#include <array>
#include <span>

#include "kernels/core/op_def.h"

namespace strata {

inline constexpr OpSchema kClipGradNorm = Op("clip_grad_norm")
                                              .Doc("norm = |grads|; grads *= min(1, max_norm / (norm + 1e-6))")
                                              .List("grads", "*")
                                              .Mutated()
                                              .Attr("max_norm", 1.0)
                                              .Out("norm", "");

using Tensors = std::span<const TensorView>;

void ClipGradNormRef(const OpContext&, Tensors grads, double max_norm, const TensorView& norm);
// Workspace: a double for every chunk.
void ClipGradNormCpu(const OpContext&, Tensors grads, double max_norm, const TensorView& norm);

namespace ops::clip_grad_norm {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::clip_grad_norm

}  // namespace strata
