// The cross-entropy of each row of logits with its target class. Taking a mean is the caller's.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// With m the row's maximum: log(sum_c(exp(logits[c] - m))) - (logits[target] - m).
inline constexpr OpSchema kCrossEntropy = Op("cross_entropy")
                                              .Doc("loss[n] = log(sum_c(exp(logits[n, c]))) - logits[n, target[n]]")
                                              .In("logits", "N C")
                                              .Index("target", "N", "C")
                                              .Out("loss", "N")
                                              .Batch("N");

// grad_logits[n, c] = grad_loss[n] * (softmax(logits[n])[c] - (c == target[n]))
inline constexpr OpSchema kCrossEntropyBackward = Op("cross_entropy_backward")
                                                      .Doc("gradient of cross_entropy")
                                                      .In("grad_loss", "N")
                                                      .In("logits", "N C")
                                                      .Index("target", "N", "C")
                                                      .Out("grad_logits", "N C")
                                                      .Batch("N");

void CrossEntropyRef(const OpContext&, const TensorView& logits, const TensorView& target, const TensorView& loss);
void CrossEntropyCpu(const OpContext&, const TensorView& logits, const TensorView& target, const TensorView& loss);

void CrossEntropyBackwardRef(const OpContext&, const TensorView& grad_loss, const TensorView& logits,
                             const TensorView& target, const TensorView& grad_logits);
void CrossEntropyBackwardCpu(const OpContext&, const TensorView& grad_loss, const TensorView& logits,
                             const TensorView& target, const TensorView& grad_logits);

namespace ops::cross_entropy {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::cross_entropy

}  // namespace strata
