// A linear layer and the cross-entropy of its outputs in one, so that the logits of a large vocabulary never exist at
// once: rows go in chunks of a multiple of 256, and a chunk's logits become its gradients where they are.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

enum class LossReduction : uint8_t { kMean, kSum };

// loss = the mean (over rows that are not ignored) or sum of cross_entropy(linear(x, weight, bias), target): the bits
// of linear, cross_entropy, reduce("sum") and, for a mean, a division, each rounded to the dtype. The forward makes the
// gradients, too, as the logits are at hand: x_grad, weight_grad and bias_grad are those for grad_loss = 1; `gradients`
// = 0 leaves them out, empty. They have the bits of the unfused operators, but for weight_grad in the classes of dot
// products: there it is the sum of chains of 256 rows, in order, not one chain. bfloat16 keeps a float32 sum of
// weight_grad in the workspace.
inline constexpr OpSchema kLinearCrossEntropy =
    Op("linear_cross_entropy")
        .Doc("loss = mean_n(cross_entropy(x weight^T + bias, target)[n]), and its gradients")
        .In("x", "N K")
        .In("weight", "V K")
        .Attr("ignore_index", -100)
        .Index("target", "N", "V")
        .OrValueOf("ignore_index")
        .Optional("bias", "V")
        .Attr("label_smoothing", 0.0)
        .Range(0, 1)
        .Choice("reduction", "mean|sum")
        .Attr("gradients", 1)
        .Range(0, 1)
        .Out("loss", "")
        .Out("x_grad", "N*gradients K")
        .Out("weight_grad", "V*gradients K")
        .Out("bias_grad", "V*gradients");

// grad_x = grad_loss * x_grad and so on. The attributes are the forward's and change nothing.
inline constexpr OpSchema kLinearCrossEntropyBackward = Op("linear_cross_entropy_backward")
                                                            .Doc("gradients of linear_cross_entropy")
                                                            .In("grad_loss", "")
                                                            .In("x_grad", "N K")
                                                            .In("weight_grad", "V K")
                                                            .In("bias_grad", "V")
                                                            .Attr("ignore_index", -100)
                                                            .Attr("label_smoothing", 0.0)
                                                            .Range(0, 1)
                                                            .Choice("reduction", "mean|sum")
                                                            .Out("grad_x", "N K")
                                                            .Out("grad_weight", "V K")
                                                            .Out("grad_bias", "V");

// A chunk has a multiple of so many rows: whole blocks of the sum down the rows (kSumBlock), and, in the classes of dot
// products, a chain of weight_grad.
inline constexpr size_t kLossRows = 256;

// The arguments by name.
struct LossCall {
  const TensorView &x, &weight, &target;
  const TensorView* bias;
  int64_t ignore_index;
  double label_smoothing;
  LossReduction reduction;
  bool gradients;
  const TensorView &loss, &x_grad, &weight_grad, &bias_grad;

  explicit LossCall(const Call& call);
};

struct DotKernel;

// Rows of a chunk, and the parts of the workspace in bytes from its start. `kernel`: as of LinearCrossEntropyCpu.
struct LossPlan {
  size_t chunk;
  size_t losses, logits, weight_sum, bias_sum, product, bytes;

  LossPlan(const LossCall& call, const DotKernel* kernel, int num_threads);
};

void LinearCrossEntropyRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& target,
                           const TensorView* bias, int64_t ignore_index, double label_smoothing,
                           LossReduction reduction, int64_t gradients, const TensorView& loss, const TensorView& x_grad,
                           const TensorView& weight_grad, const TensorView& bias_grad);
// `kernel`: of dot products in bfloat16; or nullptr, class ieee.
void LinearCrossEntropyCpu(const OpContext&, const Call&, const DotKernel* kernel);

void LinearCrossEntropyBackwardRef(const OpContext&, const TensorView& grad_loss, const TensorView& x_grad,
                                   const TensorView& weight_grad, const TensorView& bias_grad, int64_t ignore_index,
                                   double label_smoothing, LossReduction reduction, const TensorView& grad_x,
                                   const TensorView& grad_weight, const TensorView& grad_bias);
void LinearCrossEntropyBackwardCpu(const OpContext&, const TensorView& grad_loss, const TensorView& x_grad,
                                   const TensorView& weight_grad, const TensorView& bias_grad, int64_t ignore_index,
                                   double label_smoothing, LossReduction reduction, const TensorView& grad_x,
                                   const TensorView& grad_weight, const TensorView& grad_bias);

namespace ops::linear_cross_entropy {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::linear_cross_entropy

}  // namespace strata
