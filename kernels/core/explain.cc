#include "kernels/core/explain.h"

#include "kernels/core/invoke.h"
#include "kernels/core/schema_text.h"

namespace strata {

std::vector<RowChoice> ExplainRows(const OpDef& op, const OpContext& context, const Call& call) {
  const Variant* chosen = SelectVariant(op, context, call);
  const std::optional<DType> dtype = RowDType(*op.schema, call);
  std::vector<RowChoice> choices;
  bool passed = false;
  for (const Variant& row : op.variants) {
    if (row.device != context.device) continue;
    RowChoice choice{&row, &row == chosen, {}};
    const bool takes_dtype = !dtype || Contains(row.dtypes, *dtype);
    const bool takes_call = takes_dtype && (row.accepts == nullptr || row.accepts(call));
    if (!takes_dtype) {
      choice.reason = "takes " + DTypeSetText(row.dtypes);
    } else if (!takes_call) {
      choice.reason = row.needs.empty() ? "does not take these arguments" : "needs " + std::string(row.needs);
    } else if (choice.runs) {
      choice.reason = passed ? "the tuning table puts it first" : "the first that takes the call";
    } else if (chosen != nullptr) {
      choice.reason = "comes after " + std::string(chosen->name);
    }
    passed = passed || takes_call;
    choices.push_back(std::move(choice));
  }
  return choices;
}

}  // namespace strata
