// Copies any view into contiguous memory.
#pragma once

#include <cstddef>

#include "kernels/core/tensor_view.h"

namespace strata::runtime {

// REQUIRES: `out` has room for from.numel() elements and does not overlap `from`.
void CopyContiguous(const TensorView& from, void* out);

}  // namespace strata::runtime
