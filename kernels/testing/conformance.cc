#include "kernels/testing/conformance.h"

#include <map>
#include <utility>

#include "kernels/core/invoke.h"
#include "kernels/simd/stream.h"
#include "kernels/simd/targets.h"
#include "kernels/testing/compare.h"

namespace strata {
namespace {

std::string Named(const std::string& what, const std::string& difference) {
  return difference.empty() ? "" : what + ": " + difference;
}

// Rows of `whole` from `first`, as a view.
TensorView RowsOf(const TensorView& whole, int leading, int64_t first, const TensorView& like) {
  int64_t inner = 1;
  for (int d = leading; d < whole.rank; ++d) inner *= whole.size(d);
  TensorView view = like;
  view.data = static_cast<std::byte*>(whole.data) + static_cast<size_t>(first * inner) * SizeOf(whole.dtype);
  return view;
}

}  // namespace

std::string CheckRows(const OpDef& op, const OwnedCall& sample) {
  const Outputs reference = RunSample(op, sample, {.row = "ref"});
  std::map<std::string_view, std::pair<std::string, Outputs>> first_of_class;
  for (const Variant& row : op.variants) {
    const std::string name(row.name);
    if (row.device != DeviceType::kCpu || name == "ref") continue;
    Outputs outputs;
    const Status status = TrySample(op, sample, {.row = row.name}, &outputs);
    if (status.code() == StatusCode::kUnimplemented) continue;
    if (!status.ok()) return name + ": " + status.message();
    if (const std::string far = TooFar(sample, outputs, reference); !far.empty()) return name + ": " + far;
    // Moved, not copied: the views point into the memory beside them. (Nothing is moved if there is one already.)
    const auto [other, is_first] = first_of_class.try_emplace(row.numerics, name, std::move(outputs));
    if (is_first) continue;
    const std::string bits = DifferentBits(*op.schema, outputs, other->second.second);
    if (!bits.empty()) return name + " and " + other->second.first + ", of one class: " + bits;
  }
  return Named("the row that users get", TooFar(sample, RunSample(op, sample), reference));
}

std::string CheckTargets(const OpDef& op, const OwnedCall& sample) {
  const std::vector<std::string> targets = SimdTargets();
  const Outputs want = RunSample(op, sample, {.target = targets[0]});
  for (size_t t = 1; t < targets.size(); ++t) {
    const Outputs got = RunSample(op, sample, {.target = targets[t]});
    if (const std::string bits = DifferentBits(*op.schema, got, want); !bits.empty()) return targets[t] + ": " + bits;
  }
  return "";
}

std::string CheckThreads(const OpDef& op, const OwnedCall& sample) {
  const Outputs want = RunSample(op, sample);
  for (const int threads : {2, 7}) {
    const std::string bits = DifferentBits(*op.schema, RunSample(op, sample, {.threads = threads}), want);
    if (!bits.empty()) return std::to_string(threads) + " threads: " + bits;
  }
  return "";
}

std::string CheckStreaming(const OpDef& op, const OwnedCall& sample) {
  const OwnedCall compact = Compact(sample);
  const Outputs want = RunSample(op, compact);
  const StreamFromForTest any_size(1);
  for (const std::string& target : SimdTargets()) {
    for (const int threads : {1, 2}) {
      const Outputs got = RunSample(op, compact, {.threads = threads, .target = target});
      const std::string bits = DifferentBits(*op.schema, got, want);
      if (!bits.empty()) return target + ", past the caches: " + bits;
    }
  }
  return "";
}

std::string CheckLayout(const OpDef& op, const OwnedCall& sample) {
  return Named("contiguous and aligned",
               DifferentBits(*op.schema, RunSample(op, sample), RunSample(op, Compact(sample))));
}

std::string CheckPrepared(const OpDef& op, const OwnedCall& sample) {
  if (op.prepare.input < 0) return "";
  // A tuning table may choose any row of a class, so each must read the form, or know that it cannot.
  for (const Variant& row : op.variants) {
    if (row.device != DeviceType::kCpu) continue;
    Outputs plain, prepared;
    if (!TrySample(op, sample, {.row = row.name}, &plain).ok()) continue;
    const Status status = TrySample(op, sample, {.row = row.name, .prepared = true}, &prepared);
    if (!status.ok()) return std::string(row.name) + ": " + status.message();
    const std::string bits = DifferentBits(*op.schema, prepared, plain);
    if (!bits.empty()) return "prepared, " + std::string(row.name) + ": " + bits;
  }
  return "";
}

std::string CheckBatch(const OpDef& op, const OwnedCall& drawn) {
  const OpSchema& schema = *op.schema;
  const OwnedCall sample = Compact(drawn);
  const Outputs whole = RunSample(op, sample);
  for (const Part& part : SplitBatch(sample, 6)) {
    const Outputs alone = RunSample(op, part.call);
    for (size_t i = 0; i < static_cast<size_t>(schema.num_outputs); ++i) {
      const ArgSpec& arg = schema.outputs[i];
      bool by_segment = false;
      if (!FollowsBatch(schema, arg, &by_segment)) continue;
      const TensorView &all = whole.views[i], &got = alone.views[i];
      const TensorView want =
          RowsOf(all, arg.leading ? all.rank - arg.rank : 1, by_segment ? part.first_segment : part.first_row, got);
      const std::string bits = DifferentBits(got, want);
      if (!bits.empty()) return std::string(arg.name) + " rows from " + std::to_string(part.first_row) + ": " + bits;
    }
  }
  return "";
}

std::string CheckWorkspace(const OpDef& op, const OwnedCall& sample) {
  Call full = sample.call, plan = sample.call;
  auto lists = sample.lists;
  for (size_t i = 0; i < static_cast<size_t>(op.schema->num_inputs); ++i) {
    full.lists[i] = sample.lists[i];
    for (TensorView& view : lists[i]) view.data = nullptr;
    plan.lists[i] = lists[i];
    if (plan.inputs[i].present()) plan.inputs[i].data = nullptr;
  }
  for (Call* call : {&full, &plan}) {
    if (const Status status = Infer(op, *call); !status.ok()) return status.message();
  }
  for (const Variant& row : op.variants) {
    OpContext context;
    context.row = row.name;
    if (SelectVariant(op, context, plan) == nullptr || row.workspace_bytes == nullptr) continue;
    const size_t planned = row.workspace_bytes(plan, 2), taken = row.workspace_bytes(full, 2);
    if (planned >= taken) continue;
    return std::string(row.name) + ": " + std::to_string(planned) + " bytes of working memory by the shapes, " +
           std::to_string(taken) + " with the data";
  }
  return "";
}

std::string CheckAll(const OpDef& op, const OwnedCall& sample) {
  using Check = std::string (*)(const OpDef&, const OwnedCall&);
  for (const Check check : {CheckRows, CheckTargets, CheckThreads, CheckStreaming, CheckLayout, CheckPrepared,
                            CheckInPlace, CheckBatch, CheckWorkspace}) {
    if (std::string wrong = check(op, sample); !wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace strata
