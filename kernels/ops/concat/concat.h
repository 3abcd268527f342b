// Tensors laid one after the other along a dim; exact bits.
#pragma once

#include <array>
#include <span>

#include "kernels/core/op_def.h"

namespace strata {

// `dim` counts from the end where it is negative. The shapes are equal but for that dim (ConcatInfer). The gradient is
// grad_y cut up again (concat.py).
inline constexpr OpSchema kConcat = Op("concat")
                                        .Doc("y = the tensors of xs, one after the other along dim")
                                        .List("xs", "*", kAnyDType)
                                        .Attr("dim", 0)
                                        .Out("y", "", kAnyDType);

void ConcatRef(const OpContext&, std::span<const TensorView> xs, int64_t dim, const TensorView& y);
void ConcatCpu(const OpContext&, std::span<const TensorView> xs, int64_t dim, const TensorView& y);

// The product of a tensor's sizes from `dim` on: what lies together in y.
inline int64_t RunLength(const TensorView& x, int64_t dim) {
  int64_t run = 1;
  for (auto d = static_cast<int>(dim < 0 ? dim + x.rank : dim); d < x.rank; ++d) run *= x.size(d);
  return run;
}

namespace ops::concat {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::concat

}  // namespace strata
