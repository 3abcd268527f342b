// Where a row's largest, or smallest, element is.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// The first of equal ones; a NaN is found before all else, in both cases.
inline constexpr OpSchema kArgmax = Op("argmax")
                                        .Doc("index[...] = the first r with the largest (smallest) x[..., r]")
                                        .In("x", "* R")
                                        .Attr("smallest", false)
                                        .AtLeast("R", "1")
                                        .Out("index", "*", Only(DType::kI64));

void ArgmaxRef(const OpContext&, const TensorView& x, bool smallest, const TensorView& index);
void ArgmaxCpu(const OpContext&, const TensorView& x, bool smallest, const TensorView& index);

namespace ops::argmax {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::argmax

}  // namespace strata
