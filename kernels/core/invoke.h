// Invoke: the one narrow call that everything goes through: the torch adapter, the service's executor, tests, benches.
//
//   Call call(kRmsNorm);
//   call.inputs[0] = x; call.inputs[1] = weight;
//   Status s = Invoke(op, context, call, [&](Call& c) { c.outputs[0].data = Allocate(c.outputs[0]); return Status();
//   });
#pragma once

#include <optional>

#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"
#include "kernels/core/op_def.h"

namespace strata {

// Checks dtypes, shapes, strides and attributes against the schema, binds the dims, and fills the outputs' dtype, sizes
// and (contiguous) strides. Reads no data. An error names the op, the argument, what it had and what was wanted.
Status Infer(const OpDef& op, Call& call);

// Infer for an op, then `bind` sets the outputs' memory (Invoke checks that it did), then the values of index and
// offsets arguments are checked (CPU), then the first matching variant runs. Nothing is computed if anything is wrong.
Status Invoke(const OpDef& op, const OpContext& context, Call& call, FunctionRef<Status(Call&)> bind);

// The dtype that stands for the schema's letter T, by which rows are chosen; none where nothing has that letter.
std::optional<DType> RowDType(const OpSchema& schema, const Call& call);

// The row that Invoke would run for an inferred call, or nullptr: the tuning table's (tuning.h), else the first that
// takes the dtype and the call.
const Variant* SelectVariant(const OpDef& op, const OpContext& context, const Call& call);

}  // namespace strata
