#include "systems/runtime/program.h"

#include <algorithm>
#include <utility>

#include "kernels/core/invoke.h"
#include "systems/formats/text.h"
#include "systems/runtime/prepared_weights.h"

namespace strata::runtime {

const void* PreparedWeights::Get(const OpDef& op, const TensorView& view) {
  if (op.prepare.bytes == nullptr || op.prepare.run == nullptr) return nullptr;
  const size_t bytes = op.prepare.bytes(view);
  if (bytes == 0) return nullptr;
  Key key{&op, view.data, {view.sizes.begin(), view.sizes.begin() + view.rank}};
  const auto [at, is_new] = forms_.try_emplace(std::move(key));
  if (is_new) {
    op.prepare.run(view, at->second.Reserve(bytes));
    num_bytes_ += bytes;
  }
  return at->second.data();
}

absl::StatusOr<Program> Program::Create(EntryPlan plan, const SafeTensors& weights, const ProgramOptions& options,
                                        PreparedWeights& prepared) {
  Program program;
  program.plan_ = std::move(plan);
  program.options_ = options;
  for (const Value& value : program.plan_.values) {
    const bool is_weight = value.kind == Value::Kind::kWeight;
    program.weight_data_.push_back(is_weight ? weights.entries()[static_cast<size_t>(value.source)].view.data
                                             : nullptr);
  }
  program.FindSlots();
  RUNTIME_RETURN_IF_ERROR(program.CheckPoints(prepared));
  return program;
}

void Program::SlotSizes(const Shapes& shapes, absl::Span<size_t> sizes) const {
  for (size_t v = 0; v < slots_.size(); ++v) {
    if (slots_[v] >= 0) sizes[static_cast<size_t>(slots_[v])] = shapes.bytes[v];
  }
  for (size_t o = 0; o < copy_slots_.size(); ++o) {
    if (copy_slots_[o] < 0) continue;
    sizes[static_cast<size_t>(copy_slots_[o])] = shapes.bytes[static_cast<size_t>(plan_.outputs[o])];
  }
}

// The plan is checked at the smallest dims, at the largest, and at one point at which no two dims are equal by chance.
absl::Status Program::CheckPoints(PreparedWeights& prepared) {
  const std::vector<Dim>& dims = plan_.signature.dims;
  std::vector<int64_t> least, spread, most;
  for (size_t d = 0; d < dims.size(); ++d) {
    least.push_back(dims[d].min);
    spread.push_back(std::min(dims[d].max, dims[d].min + 3 + 2 * static_cast<int64_t>(d)));
    most.push_back(dims[d].max);
  }
  Shapes shapes;
  for (const std::vector<int64_t>* point : {&least, &spread, &most}) {
    RUNTIME_RETURN_IF_ERROR(ResolveShapes(plan_, *point, &shapes));
    absl::Status status = CheckSteps(plan_, shapes);
    if (!status.ok() && !dims.empty()) status = Annotate(status, Cat("at ", DimsText(plan_.signature, *point)));
    RUNTIME_RETURN_IF_ERROR(status);
  }
  RUNTIME_RETURN_IF_ERROR(CheckMemory(most, shapes));
  PrepareWeights(shapes, prepared);
  return absl::OkStatus();
}

absl::Status Program::CheckMemory(absl::Span<const int64_t> dims, const Shapes& shapes) {
  std::vector<size_t> sizes(ranges_.size());
  SlotSizes(shapes, absl::MakeSpan(sizes));
  MemoryPlanner planner(ranges_);
  if (!planner.Plan(sizes))
    return Invalid("the memory at ", DimsText(plan_.signature, dims), " does not fit in 63 bits");
  largest_arena_bytes_ = planner.peak_bytes();
  if (largest_arena_bytes_ > options_.max_arena_bytes) {
    return Invalid("a run at ", DimsText(plan_.signature, dims), " would take ", BytesText(largest_arena_bytes_),
                   ", wanted at most ", BytesText(options_.max_arena_bytes));
  }
  return CheckKernels(shapes);
}

// Every step has a kernel. Its working memory is under the same limit, counted for one thread.
absl::Status Program::CheckKernels(const Shapes& shapes) {
  const OpContext context;
  std::vector<TensorView> lists;
  for (size_t s = 0; s < plan_.steps.size(); ++s) {
    const Step& step = plan_.steps[s];
    if (step.op == nullptr) continue;
    Call call = MakeCall(step, shapes, &lists);
    RUNTIME_RETURN_IF_ERROR(FromKernel(Infer(*step.op, call)));
    const Variant* row = SelectVariant(*step.op, context, call);
    if (row == nullptr) {
      return absl::UnimplementedError(Cat(StepLabel(plan_, s), ": there is no kernel for these arguments"));
    }
    numerics_classes_.emplace(row->numerics);
    if (row->workspace_bytes == nullptr) continue;
    const size_t bytes = row->workspace_bytes(call, 1);
    if (bytes <= options_.max_arena_bytes) continue;
    return Invalid(StepLabel(plan_, s), " would take ", BytesText(bytes), " of working memory, wanted at most ",
                   BytesText(options_.max_arena_bytes));
  }
  return absl::OkStatus();
}

void Program::PrepareWeights(const Shapes& shapes, PreparedWeights& prepared) {
  prepared_.assign(plan_.steps.size(), nullptr);
  for (size_t s = 0; s < plan_.steps.size(); ++s) {
    const Step& step = plan_.steps[s];
    if (step.op == nullptr || step.op->prepare.input < 0) continue;
    const int v = step.inputs[static_cast<size_t>(step.op->prepare.input)];
    if (v < 0) continue;
    const Value& value = plan_.values[static_cast<size_t>(v)];
    auto* root = static_cast<std::byte*>(weight_data_[static_cast<size_t>(value.root)]);
    const bool fixed = std::all_of(value.shape.begin(), value.shape.end(),
                                   [](const SizeExpr& size) { return size.constant().has_value(); });
    // A slice of a weight could begin elsewhere at other dims.
    if (root == nullptr || !fixed || value.partial) continue;
    TensorView view = shapes.views[static_cast<size_t>(v)];
    view.data = root;
    if (IsContiguous(view)) prepared_[s] = prepared.Get(*step.op, view);
  }
}

}  // namespace strata::runtime
