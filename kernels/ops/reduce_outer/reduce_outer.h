// Reductions along a dim that is not the last: down the columns of matrices.
#pragma once

#include <array>

#include "kernels/core/op_def.h"
#include "kernels/simd/reduction.h"

namespace strata {

// Each column goes down its R rows in runs of 8; the results of 8 runs are joined in order, 8 of these, then what there
// is. The rest is as in reduce (kernels/ops/reduce/reduce.h). strata.reductions brings any dims of a tensor into this
// form.
inline constexpr OpSchema kReduceOuter = Op("reduce_outer")
                                             .Doc("y[a, b] = the sum (mean, max, ...) of x[a, r, b] over r")
                                             .In("x", "A R B")
                                             .Choice("operation", kReductions)
                                             .Attr("correction", 1)
                                             .Out("y", "A B")
                                             .Batch("A");

inline constexpr OpSchema kReduceOuterBackward = Op("reduce_outer_backward")
                                                     .Doc("gradient of reduce_outer")
                                                     .In("grad_y", "A B")
                                                     .In("x", "A R B")
                                                     .In("y", "A B")
                                                     .Choice("operation", kReductions)
                                                     .Attr("correction", 1)
                                                     .Out("grad_x", "A R B")
                                                     .Batch("A");

void ReduceOuterRef(const OpContext&, const TensorView& x, Reduction operation, int64_t correction,
                    const TensorView& y);
void ReduceOuterCpu(const OpContext&, const TensorView& x, Reduction operation, int64_t correction,
                    const TensorView& y);

void ReduceOuterBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                            Reduction operation, int64_t correction, const TensorView& grad_x);
void ReduceOuterBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                            Reduction operation, int64_t correction, const TensorView& grad_x);

namespace ops::reduce_outer {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::reduce_outer

}  // namespace strata
