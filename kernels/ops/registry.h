// The explicit table of all operators, made from ops.bzl.
//
//   const OpDef* op = FindOp("rms_norm");   // nullptr: no such operator
#pragma once

#include <span>
#include <string_view>

#include "kernels/core/op_def.h"

namespace strata {

// Every operator with its CPU kernels, folders in alphabetical order.
std::span<const OpDef* const> AllOps();
const OpDef* FindOp(std::string_view name);

}  // namespace strata
