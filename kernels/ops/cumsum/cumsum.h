// Running sums along the last dim.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// One chain along the row, from its end with `reverse`: in float64 for floats, rounded once for each y; integers wrap
// around.
inline constexpr OpSchema kCumsum = Op("cumsum")
                                        .Doc("y[..., r] = sum_(s <= r) x[..., s], or over s >= r with reverse")
                                        .In("x", "* R", kSummable)
                                        .Attr("reverse", false)
                                        .Out("y", "* R", kSummable);

void CumsumRef(const OpContext&, const TensorView& x, bool reverse, const TensorView& y);
void CumsumCpu(const OpContext&, const TensorView& x, bool reverse, const TensorView& y);

namespace ops::cumsum {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::cumsum

}  // namespace strata
