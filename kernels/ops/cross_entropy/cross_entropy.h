// The cross-entropy of each row of logits with its target class. Sums and means over rows are the caller's
// (strata.nn.CrossEntropyLoss takes them in a fixed order).
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// With m the row's maximum, s = sum_c(exp(x[c] - m)) in 64 virtual lanes, and e = label_smoothing:
//   loss = log(s) - (1 - e) (x[target] - m) - e mean_c(x[c] - m)
// A row whose target is ignore_index has loss 0. `stats` has m and s for the backward; 0 and 1 for an ignored row.
inline constexpr OpSchema kCrossEntropy =
    Op("cross_entropy")
        .Doc("loss[n] = log(sum_c(exp(logits[n, c]))) - logits[n, target[n]]; stats[n]: maximum, sum of exponentials")
        .In("logits", "N C")
        .Attr("ignore_index", -100)
        .Index("target", "N", "C")
        .OrValueOf("ignore_index")
        .Attr("label_smoothing", 0.0)
        .Range(0, 1)
        .Out("loss", "N")
        .Out("stats", "N 2", kStatistics)
        .Batch("N");

// grad_logits[n, c] = exp(logits[n, c] - m) * (grad_loss[n] / s) - grad_loss[n] * (e / C + (c == target[n]) (1 - e))
inline constexpr OpSchema kCrossEntropyBackward = Op("cross_entropy_backward")
                                                      .Doc("gradient of cross_entropy")
                                                      .In("grad_loss", "N")
                                                      .In("logits", "N C")
                                                      .Attr("ignore_index", -100)
                                                      .Index("target", "N", "C")
                                                      .OrValueOf("ignore_index")
                                                      .In("stats", "N 2", kStatistics)
                                                      .Attr("label_smoothing", 0.0)
                                                      .Range(0, 1)
                                                      .Out("grad_logits", "N C")
                                                      .Batch("N");

void CrossEntropyRef(const OpContext&, const TensorView& logits, const TensorView& target, int64_t ignore_index,
                     double label_smoothing, const TensorView& loss, const TensorView& stats);
void CrossEntropyCpu(const OpContext&, const TensorView& logits, const TensorView& target, int64_t ignore_index,
                     double label_smoothing, const TensorView& loss, const TensorView& stats);

void CrossEntropyBackwardRef(const OpContext&, const TensorView& grad_loss, const TensorView& logits,
                             const TensorView& target, const TensorView& stats, int64_t ignore_index,
                             double label_smoothing, const TensorView& grad_logits);
void CrossEntropyBackwardCpu(const OpContext&, const TensorView& grad_loss, const TensorView& logits,
                             const TensorView& target, const TensorView& stats, int64_t ignore_index,
                             double label_smoothing, const TensorView& grad_logits);

namespace ops::cross_entropy {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::cross_entropy

}  // namespace strata
