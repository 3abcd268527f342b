// Elements of each row, picked by number.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// PyTorch's gather along the last dim. Moves bits, in any dtype.
inline constexpr OpSchema kGather = Op("gather")
                                        .Doc("y[..., k] = x[..., index[..., k]]")
                                        .In("x", "* R", kAnyDType)
                                        .Index("index", "* K", "R")
                                        .Out("y", "* K", kAnyDType);

// grad_x[..., r] is the sum of grad_y over the places where index is r, in their order; `x` gives its size alone.
inline constexpr OpSchema kGatherBackward = Op("gather_backward")
                                                .Doc("gradient of gather")
                                                .In("grad_y", "* K")
                                                .In("x", "* R")
                                                .Index("index", "* K", "R")
                                                .Out("grad_x", "* R");

void GatherRef(const OpContext&, const TensorView& x, const TensorView& index, const TensorView& y);
void GatherCpu(const OpContext&, const TensorView& x, const TensorView& index, const TensorView& y);

void GatherBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& index,
                       const TensorView& grad_x);
// Workspace: a row of grad_x in float32 for each thread, in bfloat16's case.
void GatherBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& index,
                       const TensorView& grad_x);

namespace ops::gather {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::gather

}  // namespace strata
