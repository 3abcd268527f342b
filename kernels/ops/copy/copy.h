// A contiguous copy of a tensor that is a slice, a permutation or an expansion of another; exact bits.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// The kernels take any strides, 0 included. The gradient is grad_y itself (copy.py).
inline constexpr OpSchema kCopy =
    Op("copy").Doc("y = x, laid out row by row").AnyStrides("x", "*", kAnyDType).Out("y", "*", kAnyDType);

void CopyRef(const OpContext&, const TensorView& x, const TensorView& y);
void CopyCpu(const OpContext&, const TensorView& x, const TensorView& y);

namespace ops::copy {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::copy

}  // namespace strata
