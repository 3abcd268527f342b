// The k largest, or smallest, elements of each row, in order, and where they are.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// The largest first (the smallest first); of equal ones that with the lowest index. A NaN is larger than any number.
inline constexpr OpSchema kTopK = Op("top_k")
                                      .Doc("values[..., j], indices[..., j]: the j-th largest (smallest) x[..., r]")
                                      .In("x", "* R")
                                      .Attr("k", 1)
                                      .Range(0, 4294967295.0)
                                      .Attr("smallest", false)
                                      .AtLeast("R", "k")
                                      .Out("values", "* k")
                                      .Out("indices", "* k", Only(DType::kI64));

// grad_x[indices[j]] = grad_values[j], 0 elsewhere. `x` gives its shape alone.
inline constexpr OpSchema kTopKBackward = Op("top_k_backward")
                                              .Doc("gradient of top_k")
                                              .Attr("k", 1)
                                              .Range(0, 4294967295.0)
                                              .Attr("smallest", false)
                                              .In("grad_values", "* k")
                                              .In("x", "* R")
                                              .Index("indices", "* k", "R")
                                              .Out("grad_x", "* R");

void TopKRef(const OpContext&, const TensorView& x, int64_t k, bool smallest, const TensorView& values,
             const TensorView& indices);
// Workspace: SelectCapacity ranks a thread.
void TopKCpu(const OpContext&, const TensorView& x, int64_t k, bool smallest, const TensorView& values,
             const TensorView& indices);

// Both rows: there is nothing to compute.
void TopKBackward(const OpContext&, const TensorView& grad_values, const TensorView& x, const TensorView& indices,
                  int64_t k, bool smallest, const TensorView& grad_x);

namespace ops::top_k {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::top_k

}  // namespace strata
