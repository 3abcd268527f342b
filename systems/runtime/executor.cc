#include "systems/runtime/executor.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "kernels/core/invoke.h"
#include "systems/formats/text.h"
#include "systems/runtime/cost.h"
#include "systems/runtime/strided_copy.h"

namespace strata::runtime {
namespace {

constexpr size_t kMaxEvents = size_t{1} << 20;

}  // namespace

Executor::Executor(std::shared_ptr<const Program> program, Parallel& parallel)
    : program_(std::move(program)), planner_(program_->ranges()) {
  context_.parallel = &parallel;
  context_.scratch = &scratch_;
  dims_.resize(signature().dims.size());
  wanted_dims_.resize(dims_.size());
  slot_sizes_.resize(program_->ranges().size());
}

void Executor::EnableProfile(bool keep_events) {
  profile_.assign(program_->plan().steps.size(), {});
  keep_events_ = keep_events;
}

absl::Status Executor::Run(absl::Span<const TensorView> inputs, absl::Span<TensorView> outputs) {
  STRATA_CHECK(outputs.size() == signature().outputs.size(), "one view for each output");
  RUNTIME_RETURN_IF_ERROR(BindInputs(signature(), inputs, absl::MakeSpan(wanted_dims_)));
  RUNTIME_RETURN_IF_ERROR(CheckInputValues(signature(), inputs));
  if (!bound_ || wanted_dims_ != dims_) RUNTIME_RETURN_IF_ERROR(Bind(wanted_dims_));
  PlaceValues(inputs);
  const size_t steps = program_->plan().steps.size();
  for (size_t s = 0; s < steps; ++s) RUNTIME_RETURN_IF_ERROR(profile_.empty() ? RunStep(s) : RunAndTime(s));
  runs_ += profile_.empty() ? 0 : 1;
  HandOut(outputs);
  return absl::OkStatus();
}

absl::Status Executor::Bind(absl::Span<const int64_t> dims) {
  bound_ = false;
  RUNTIME_RETURN_IF_ERROR(ResolveShapes(program_->plan(), dims, &shapes_));
  program_->SlotSizes(shapes_, absl::MakeSpan(slot_sizes_));
  if (!planner_.Plan(slot_sizes_) || planner_.peak_bytes() > program_->max_arena_bytes()) {
    return absl::ResourceExhaustedError(Cat("a run at ", DimsText(signature(), dims), " would take ",
                                            BytesText(planner_.peak_bytes()), ", wanted at most ",
                                            BytesText(program_->max_arena_bytes())));
  }
  arena_.Reserve(planner_.peak_bytes());
  dims_.assign(dims.begin(), dims.end());
  bound_ = true;
  return absl::OkStatus();
}

void Executor::PlaceValues(absl::Span<const TensorView> inputs) {
  const EntryPlan& plan = program_->plan();
  for (size_t v = 0; v < plan.values.size(); ++v) {
    const size_t root = static_cast<size_t>(plan.values[v].root);
    std::byte* base = nullptr;
    if (const int slot = program_->slots()[root]; slot >= 0) {
      // An arena of no bytes at all has no address; then every value in it is empty.
      if (arena_.data() != nullptr) base = arena_.data() + planner_.offsets()[static_cast<size_t>(slot)];
    } else if (plan.values[root].kind == Value::Kind::kInput) {
      base = static_cast<std::byte*>(inputs[static_cast<size_t>(plan.values[root].source)].data);
    } else {
      base = static_cast<std::byte*>(program_->weight_data()[root]);
    }
    shapes_.views[v].data = base == nullptr ? nullptr : base + shapes_.offsets[v];
  }
}

absl::Status Executor::RunStep(size_t s) {
  const Step& step = program_->plan().steps[s];
  if (step.op == nullptr) return absl::OkStatus();
  Call call = MakeCall(step, shapes_, &lists_);
  if (const void* prepared = program_->prepared()[s]) {
    call.inputs[static_cast<size_t>(step.op->prepare.input)].prepared = prepared;
  }
  bool differs = false;
  const auto bind = [&](Call& c) -> strata::Status {
    differs = !OutputsMatch(step, shapes_, c);
    if (differs) return {StatusCode::kInternal, ""};  // the sentence is made below: it takes memory
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      c.outputs[i].data = shapes_.views[static_cast<size_t>(step.outputs[i])].data;
    }
    return {};
  };
  const strata::Status status = Invoke(*step.op, context_, call, bind);
  if (status.ok()) return absl::OkStatus();
  if (differs) return OutputMismatch(program_->plan(), s, shapes_, call);
  return Annotate(FromKernel(status), StepLabel(program_->plan(), s));
}

absl::Status Executor::RunAndTime(size_t s) {
  const Step& step = program_->plan().steps[s];
  if (step.op == nullptr) return absl::OkStatus();
  using std::chrono::duration_cast, std::chrono::nanoseconds;
  const auto start = std::chrono::steady_clock::now();
  RUNTIME_RETURN_IF_ERROR(RunStep(s));
  const int64_t took = duration_cast<nanoseconds>(std::chrono::steady_clock::now() - start).count();
  const Cost cost = CostOf(step, shapes_);
  profile_[s].calls += 1;
  profile_[s].nanoseconds += took;
  profile_[s].bytes += cost.bytes;
  profile_[s].flops += cost.flops;
  if (keep_events_ && events_.size() < kMaxEvents) {
    const int64_t began = duration_cast<nanoseconds>(start.time_since_epoch()).count();
    events_.push_back({began, took, static_cast<int>(s), runs_});
  }
  return absl::OkStatus();
}

void Executor::HandOut(absl::Span<TensorView> outputs) {
  const std::vector<int>& copies = program_->copy_slots();
  for (size_t o = 0; o < outputs.size(); ++o) {
    outputs[o] = shapes_.views[static_cast<size_t>(program_->plan().outputs[o])];
    if (copies[o] >= 0 && arena_.data() != nullptr) {
      std::byte* to = arena_.data() + planner_.offsets()[static_cast<size_t>(copies[o])];
      CopyContiguous(outputs[o], to);
      outputs[o].data = to;
    }
    outputs[o].MakeContiguous();
  }
}

}  // namespace strata::runtime
