#include "systems/models/id_table.h"

#include <algorithm>

namespace strata::models {
namespace {

// The size that bounds argument `index`'s values: where another argument has that dim as one of its own.
std::optional<int64_t> Bound(const runtime::EntryPlan& plan, const runtime::Step& step, size_t index) {
  const OpSchema& schema = *step.op->schema;
  for (size_t other = 0; other < step.inputs.size(); ++other) {
    const ArgSpec& arg = schema.inputs[other];
    if (step.inputs[other] < 0 || arg.leading) continue;
    const auto& shape = plan.values[static_cast<size_t>(step.inputs[other])].shape;
    for (size_t d = 0; d < shape.size(); ++d) {
      if (arg.dims[d].is_dim() && arg.dims[d].dim() == schema.inputs[index].bound) return shape[d].constant();
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> NumIds(const runtime::EntryPlan& plan, size_t input) {
  std::optional<int64_t> least;
  for (const runtime::Step& step : plan.steps) {
    if (step.kind != runtime::Step::Kind::kOp) continue;
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      if (step.op->schema->inputs[i].rule != ValueRule::kIndex || step.inputs[i] < 0) continue;
      if (plan.values[static_cast<size_t>(step.inputs[i])].root != plan.inputs[input]) continue;
      const std::optional<int64_t> rows = Bound(plan, step, i);
      if (rows) least = std::min(least.value_or(*rows), *rows);
    }
  }
  return least;
}

}  // namespace strata::models
