// Which row of an op's table runs a call, and why not the ones before it: what `strata.ops.which` shows.
#pragma once

#include <string>
#include <vector>

#include "kernels/core/op_context.h"
#include "kernels/core/op_def.h"

namespace strata {

struct RowChoice {
  const Variant* row;
  bool runs = false;  // the one that Invoke would run
  std::string
      reason;  // "takes float32 and float64", "needs AVX512-BF16", "comes after simd", "first that takes the call"
};

// Every row of the context's device, in the order in which they are tried. REQUIRES: Infer has filled the call.
std::vector<RowChoice> ExplainRows(const OpDef& op, const OpContext& context, const Call& call);

}  // namespace strata
