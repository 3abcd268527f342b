#include "kernels/core/invoke.h"

#include <string>

#include "kernels/core/schema_text.h"
#include "kernels/core/tuning.h"

namespace strata {
namespace {

Status ValueError(const OpSchema& schema, const ArgSpec& arg, int64_t at, int64_t value, const std::string& wanted) {
  return InvalidArgument("strata::" + std::string(schema.name) + ": " + std::string(arg.name) + " has " +
                         std::to_string(value) + " at position " + std::to_string(at) + ", wanted " + wanted);
}

template <class T>
Status CheckIndex(const OpSchema& schema, const ArgSpec& arg, const Call& call, const TensorView& view) {
  const int64_t bound = call.dims[static_cast<size_t>(arg.bound)];
  const int64_t besides = arg.besides < 0 ? 0 : call.attrs[static_cast<size_t>(arg.besides)].i;
  const T* v = view.In<T>();
  for (int64_t i = 0, n = view.numel(); i < n; ++i) {
    if ((v[i] >= 0 && v[i] < bound) || (arg.besides >= 0 && v[i] == besides)) continue;
    return ValueError(schema, arg, i, v[i],
                      "an index from 0 to " + std::to_string(bound - 1) + " (the size of " +
                          std::string(schema.dim_names[static_cast<size_t>(arg.bound)]) + " is " +
                          std::to_string(bound) + ")" + (arg.besides < 0 ? "" : " or " + std::to_string(besides)));
  }
  return {};
}

template <class T>
Status CheckOffsets(const OpSchema& schema, const ArgSpec& arg, const TensorView& view, int64_t bound) {
  const T* v = view.In<T>();
  const int64_t n = view.numel();
  if (v[0] != 0) return ValueError(schema, arg, 0, v[0], "0, the start of the first run");
  for (int64_t i = 1; i < n; ++i) {
    if (v[i] < v[i - 1]) return ValueError(schema, arg, i, v[i], "at least " + std::to_string(v[i - 1]));
  }
  if (v[n - 1] != bound) {
    return ValueError(schema, arg, n - 1, v[n - 1], std::to_string(bound) + ", the end of the last run");
  }
  return {};
}

Status CheckValues(const OpDef& op, const Call& call) {
  const OpSchema& schema = *op.schema;
  for (int i = 0; i < schema.num_inputs; ++i) {
    const ArgSpec& arg = schema.inputs[static_cast<size_t>(i)];
    const TensorView& view = call.inputs[static_cast<size_t>(i)];
    if (arg.rule == ValueRule::kNone || !view.present()) continue;
    const int64_t bound = call.dims[static_cast<size_t>(arg.bound)];
    const bool narrow = view.dtype == DType::kI32;
    if (arg.rule == ValueRule::kIndex) {
      STRATA_RETURN_IF_ERROR(narrow ? CheckIndex<int32_t>(schema, arg, call, view)
                                    : CheckIndex<int64_t>(schema, arg, call, view));
    } else {
      STRATA_RETURN_IF_ERROR(narrow ? CheckOffsets<int32_t>(schema, arg, view, bound)
                                    : CheckOffsets<int64_t>(schema, arg, view, bound));
    }
  }
  return op.check_values == nullptr ? Status() : InOp(schema, op.check_values(call));
}

Status NoRow(const OpSchema& schema, const OpContext& context, const Call& call) {
  const std::optional<DType> dtype = RowDType(schema, call);
  return Unimplemented("strata::" + std::string(schema.name) + ": no kernel " +
                       (context.row.empty() ? "" : "named \"" + std::string(context.row) + "\" ") + "for " +
                       (context.device == DeviceType::kCpu ? "CPU" : "CUDA") + " tensors" +
                       (dtype ? " of dtype " + std::string(NameOf(*dtype)) : ""));
}

}  // namespace

std::optional<DType> RowDType(const OpSchema& schema, const Call& call) {
  for (size_t i = 0; i < static_cast<size_t>(schema.num_inputs); ++i) {
    const ArgSpec& arg = schema.inputs[i];
    if (arg.type.letter != 'T') continue;
    if (!arg.list) return call.inputs[i].dtype;
    if (!call.lists[i].empty()) return call.lists[i][0].dtype;
  }
  return std::nullopt;
}

const Variant* SelectVariant(const OpDef& op, const OpContext& context, const Call& call) {
  const std::optional<DType> dtype = RowDType(*op.schema, call);
  for (const Variant& row : op.variants) {
    if (row.device != context.device || (dtype && !Contains(row.dtypes, *dtype))) continue;
    if (!context.row.empty() && row.name != context.row) continue;
    if (row.accepts != nullptr && !row.accepts(call)) continue;
    const Variant* tuned = context.row.empty() ? TunedRow(op, context, call, row) : nullptr;
    return tuned != nullptr ? tuned : &row;
  }
  return nullptr;
}

Status Invoke(const OpDef& op, const OpContext& context, Call& call, FunctionRef<Status(Call&)> bind) {
  const OpSchema& schema = *op.schema;
  STRATA_RETURN_IF_ERROR(Infer(op, call));
  const Variant* row = SelectVariant(op, context, call);
  if (row == nullptr) return NoRow(schema, context, call);
  if (context.device == DeviceType::kCpu) STRATA_RETURN_IF_ERROR(CheckValues(op, call));
  STRATA_RETURN_IF_ERROR(bind(call));
  for (int i = 0; i < call.num_outputs; ++i) {
    const TensorView& out = call.outputs[static_cast<size_t>(i)];
    STRATA_CHECK(out.data != nullptr || out.numel() == 0, "bind sets the memory of every output");
  }
  OpContext inner = context;
  if (row->workspace_bytes != nullptr) {
    const size_t bytes = row->workspace_bytes(call, context.parallel->num_threads());
    STRATA_CHECK(context.scratch != nullptr, "this kernel needs a context with scratch");
    inner.workspace = context.scratch->Reserve(bytes);
  }
  row->run(inner, call);
  return {};
}

}  // namespace strata
