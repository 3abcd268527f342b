// Reductions along the last dim: sums, means, extremes, variances.
#pragma once

#include <array>

#include "kernels/core/op_def.h"
#include "kernels/simd/reduction.h"

namespace strata {

// In 64 virtual lanes and pairs of blocks (kernels/simd/row-inl.h). With n = R: mean is sum / n; var is the sum of
// (x - mean)^2 / max(0, n - correction), in two passes, float32's in float64; std its square root. A NaN in the row
// makes the result NaN, also of max and min. Of nothing: sum 0, max -inf, min inf, mean NaN.
inline constexpr OpSchema kReduce = Op("reduce")
                                        .Doc("y[...] = the sum (mean, max, ...) of x[..., r] over r")
                                        .In("x", "* R")
                                        .Choice("operation", kReductions)
                                        .Attr("correction", 1)
                                        .Out("y", "*");

// max, min: elements that equal the result share its gradient evenly.
inline constexpr OpSchema kReduceBackward = Op("reduce_backward")
                                                .Doc("gradient of reduce")
                                                .In("grad_y", "*")
                                                .In("x", "* R")
                                                .In("y", "*")
                                                .Choice("operation", kReductions)
                                                .Attr("correction", 1)
                                                .Out("grad_x", "* R");

void ReduceRef(const OpContext&, const TensorView& x, Reduction operation, int64_t correction, const TensorView& y);
void ReduceCpu(const OpContext&, const TensorView& x, Reduction operation, int64_t correction, const TensorView& y);

void ReduceBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                       Reduction operation, int64_t correction, const TensorView& grad_x);
void ReduceBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                       Reduction operation, int64_t correction, const TensorView& grad_x);

namespace ops::reduce {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::reduce

}  // namespace strata
