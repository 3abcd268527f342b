#include "systems/runtime/shapes.h"

#include <algorithm>
#include <optional>
#include <span>

#include "kernels/core/invoke.h"
#include "systems/formats/text.h"
#include "systems/runtime/views.h"

namespace strata::runtime {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 48;  // above any memory, below overflow in bytes

bool SameSizes(const TensorView& a, const TensorView& b) {
  return a.rank == b.rank && std::equal(a.sizes.begin(), a.sizes.begin() + a.rank, b.sizes.begin());
}

class Resolver {
 public:
  Resolver(const EntryPlan& plan, absl::Span<const int64_t> dims, Shapes& out) : plan_(plan), dims_(dims), out_(out) {}

  absl::Status Run() {
    out_.views.resize(plan_.values.size());
    out_.offsets.assign(plan_.values.size(), 0);
    out_.bytes.resize(plan_.values.size());
    for (size_t v = 0; v < plan_.values.size(); ++v) {
      RUNTIME_RETURN_IF_ERROR(FillSizes(v));
    }
    for (size_t s = 0; s < plan_.steps.size(); ++s) {
      const Step& step = plan_.steps[s];
      if (step.kind == Step::Kind::kOp) continue;
      if (Look(step)) continue;
      return At(Annotate(ViewError(step), StepLabel(plan_, s)));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status At(const absl::Status& status) const {
    if (dims_.empty()) return status;
    return Annotate(status, Cat("at ", DimsText(plan_.signature, dims_)));
  }

  absl::Status FillSizes(size_t v) {
    const Value& value = plan_.values[v];
    TensorView& view = out_.views[v];
    view.dtype = value.dtype;
    view.rank = static_cast<int>(value.shape.size());
    int64_t elements = 1;
    for (size_t d = 0; d < value.shape.size(); ++d) {
      const std::optional<int64_t> size = value.shape[d].Evaluate(dims_);
      if (!size || __builtin_mul_overflow(elements, std::max<int64_t>(*size, 1), &elements) ||
          elements > kMaxElements) {
        return At(
            Invalid("the value ", Quote(value.name), " would have the impossible shape ", ShapeText(value.shape)));
      }
      view.sizes[d] = *size;
    }
    view.MakeContiguous();
    out_.bytes[v] = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
    return absl::OkStatus();
  }

  // Fills strides and offset of a view. False if it is not possible.
  bool Look(const Step& step) {
    const auto from = static_cast<size_t>(step.inputs[0]), to = static_cast<size_t>(step.outputs[0]);
    const std::optional<size_t> offset = LookAt(step, out_.views[from], dims_, &out_.views[to]);
    if (!offset) return false;
    out_.offsets[to] = out_.views[to].numel() == 0 ? 0 : out_.offsets[from] + *offset;
    return true;
  }

  absl::Status ViewError(const Step& step) const {
    const auto from = static_cast<size_t>(step.inputs[0]), to = static_cast<size_t>(step.outputs[0]);
    return Invalid("the value ", Quote(plan_.values[from].name), " of shape ", strata::ShapeText(out_.views[from]),
                   IsContiguous(out_.views[from]) ? "" : ", which is not contiguous,", " cannot be seen as ",
                   Quote(plan_.values[to].name), " of shape ", strata::ShapeText(out_.views[to]));
  }

  const EntryPlan& plan_;
  absl::Span<const int64_t> dims_;
  Shapes& out_;
};

}  // namespace

std::string DimsText(const Signature& signature, absl::Span<const int64_t> dims) {
  std::string text;
  for (size_t d = 0; d < dims.size(); ++d) text += Cat(d ? ", " : "", signature.dims[d].name, " = ", dims[d]);
  return text;
}

absl::Status ResolveShapes(const EntryPlan& plan, absl::Span<const int64_t> dims, Shapes* out) {
  return Resolver(plan, dims, *out).Run();
}

Call MakeCall(const Step& step, const Shapes& shapes, std::vector<TensorView>* lists) {
  Call call(*step.op->schema);
  call.attrs = step.attrs;
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    if (step.inputs[i] >= 0) call.inputs[i] = shapes.views[static_cast<size_t>(step.inputs[i])];
  }
  lists->clear();
  for (const std::vector<int>& list : step.lists) {
    for (const int value : list) lists->push_back(shapes.views[static_cast<size_t>(value)]);
  }
  size_t begin = 0;
  for (size_t i = 0; i < step.lists.size(); ++i) {
    call.lists[i] = std::span(*lists).subspan(begin, step.lists[i].size());
    begin += step.lists[i].size();
  }
  return call;
}

bool OutputsMatch(const Step& step, const Shapes& shapes, const Call& call) {
  if (step.outputs.size() != static_cast<size_t>(call.num_outputs)) return false;
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    const TensorView& said = shapes.views[static_cast<size_t>(step.outputs[i])];
    if (call.outputs[i].dtype != said.dtype || !SameSizes(call.outputs[i], said)) return false;
  }
  return true;
}

absl::Status OutputMismatch(const EntryPlan& plan, size_t s, const Shapes& shapes, const Call& call) {
  const Step& step = plan.steps[s];
  if (step.outputs.size() != static_cast<size_t>(call.num_outputs)) {
    return Invalid(StepLabel(plan, s), ": the plan names ", step.outputs.size(), " outputs, the operator makes ",
                   call.num_outputs);
  }
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    const auto v = static_cast<size_t>(step.outputs[i]);
    const TensorView &said = shapes.views[v], &made = call.outputs[i];
    if (made.dtype == said.dtype && SameSizes(made, said)) continue;
    return Invalid(StepLabel(plan, s), ": the plan says that ", Quote(plan.values[v].name), " is ", NameOf(said.dtype),
                   " ", strata::ShapeText(said), ", the operator makes ", NameOf(made.dtype), " ",
                   strata::ShapeText(made));
  }
  return absl::OkStatus();
}

absl::Status CheckSteps(const EntryPlan& plan, const Shapes& shapes) {
  std::vector<TensorView> lists;
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    if (step.op == nullptr) continue;
    Call call = MakeCall(step, shapes, &lists);
    if (strata::Status status = Infer(*step.op, call); !status.ok()) {
      return Annotate(FromKernel(status), StepLabel(plan, s));
    }
    if (!OutputsMatch(step, shapes, call)) return OutputMismatch(plan, s, shapes, call);
  }
  return absl::OkStatus();
}

}  // namespace strata::runtime
