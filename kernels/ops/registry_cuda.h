// The operators that have CUDA kernels, made from ops.bzl. Empty where no CUDA toolkit was found.
#pragma once

#include <span>

#include "kernels/core/op_def.h"

namespace strata {

std::span<const OpDef* const> AllCudaOps();

}  // namespace strata
