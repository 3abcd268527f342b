// The tuning table: which of an op's rows runs first on this machine for calls of a size. Written by `strata tune`,
// read by research and by the service alike; without one the table's own order holds. It only ever chooses among rows
// of the numerics class that would run anyway, so it changes speed alone.
//
// A line is an op, the dtype of its letter T, sizes by dim name, and a row; '#' begins a comment:
//
//   linear float32 *=64 K=384 O=1536 simd_wide
//
// `*` is the product of the leading dims. Sizes are powers of two: a call's own are rounded up to them.
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/status.h"
#include "kernels/core/op_context.h"
#include "kernels/core/op_def.h"

namespace strata {

// Reads and checks a table against the ops of `find` (FindOp of the registry) and makes it the process's own, for ever;
// an empty text takes it away. An error names the line, and leaves things as they were. Lines about rows or ops that
// are not in this build are an error, too: the table is of another version. Thread-safe.
Status LoadTuning(std::string_view text, const OpDef* (*find)(std::string_view name));

// "linear float32 *=64 K=384 O=1536": what a line about this call begins with. REQUIRES: Infer has filled the call.
std::string TuningKey(const OpDef& op, const Call& call);

// The row that the table puts first for the call, or nullptr. `otherwise` is the one that would run without it.
const Variant* TunedRow(const OpDef& op, const OpContext& context, const Call& call, const Variant& otherwise);

}  // namespace strata
