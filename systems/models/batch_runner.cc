#include "systems/models/batch_runner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "systems/formats/text.h"
#include "systems/runtime/batch_io.h"

namespace strata::models {
namespace {

using batching::Task;
using runtime::Signature;

InferWork& WorkOf(Task& task) { return static_cast<InferWork&>(*task.work); }

// Whether `more` on top of `sum` is within the dim.
bool Fits(const Signature& signature, int dim, int64_t sum, int64_t more) {
  return dim < 0 || sum <= signature.dims[static_cast<size_t>(dim)].max - more;
}

OutputPart CopyOut(const TensorView& view) {
  OutputPart part;
  part.shape.assign(view.sizes.begin(), view.sizes.begin() + view.rank);
  const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
  if (bytes > 0) part.bytes.assign(static_cast<const char*>(view.data), bytes);
  return part;
}

}  // namespace

struct BatchRunner::Lane {
  Lane(const std::shared_ptr<const runtime::Program>& program, Parallel& parallel)
      : executor(program, parallel), io(program->signature()), outputs(program->signature().outputs.size()) {}

  runtime::Executor executor;
  runtime::BatchIo io;
  std::vector<TensorView> outputs, parts;
};

struct BatchRunner::Slot {
  explicit Slot(int threads) : pool(threads) {}

  ThreadPool pool;
  std::vector<std::unique_ptr<Lane>> lanes;  // by entry point
};

BatchRunner::BatchRunner(Programs programs, const RunnerOptions& options) : programs_(std::move(programs)) {
  for (int i = 0; i < options.executors; ++i) {
    slots_.push_back(std::make_unique<Slot>(options.threads));
    for (const auto& program : programs_) {
      slots_.back()->lanes.push_back(std::make_unique<Lane>(program, slots_.back()->pool));
    }
  }
}

BatchRunner::~BatchRunner() = default;

Parallel& BatchRunner::parallel(size_t slot) { return slots_[slot]->pool; }

absl::Status BatchRunner::Warm() {
  for (const auto& slot : slots_) {
    for (const auto& lane : slot->lanes) {
      const Signature& signature = lane->executor.signature();
      std::vector<int64_t> dims;
      for (const runtime::Dim& dim : signature.dims) dims.push_back(std::clamp<int64_t>(1, dim.min, dim.max));
      std::vector<AlignedBuffer> memory(signature.inputs.size());
      std::vector<TensorView> inputs;
      for (const runtime::TensorSpec& spec : signature.inputs) {
        TensorView view = MakeView(nullptr, spec.dtype, {});
        view.rank = static_cast<int>(spec.shape.size());
        for (size_t d = 0; d < spec.shape.size(); ++d) view.sizes[d] = spec.shape[d].Evaluate(dims).value_or(0);
        view.MakeContiguous();
        const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(spec.dtype);
        view.data = memory[inputs.size()].Reserve(std::max<size_t>(bytes, 8));
        std::fill_n(static_cast<char*>(view.data), bytes, '\0');
        if (spec.layout == runtime::Layout::kOffsets) view = TensorView{};  // one sequence
        inputs.push_back(view);
      }
      // An entry point may refuse zeros, and would say so to a client, too: that is no reason not to serve it.
      const runtime::BatchIo::Request request(inputs);
      if (!lane->io.Combine({request}).ok()) continue;
      const absl::Status status = lane->executor.Run(lane->io.inputs(), absl::MakeSpan(lane->outputs));
      if (!status.ok() && status.code() != absl::StatusCode::kInvalidArgument) return status;
    }
  }
  return absl::OkStatus();
}

bool BatchRunner::MayJoin(const Group& group, const InferWork& work) const {
  const InferWork& first = WorkOf(*group.front());
  const Signature& signature = this->signature(work.entry);
  if (signature.batch_dim < 0 || first.entry != work.entry || first.size.other_dims != work.size.other_dims) {
    return false;
  }
  int64_t rows = 0, tokens = 0;
  for (Task* task : group) {
    rows += WorkOf(*task).size.rows;
    tokens += WorkOf(*task).size.tokens;
  }
  return Fits(signature, signature.batch_dim, rows, work.size.rows) &&
         Fits(signature, signature.ragged_dim, tokens, work.size.tokens);
}

// In order of arrival, each into the latest group that takes it.
std::vector<BatchRunner::Group> BatchRunner::Split(std::span<Task* const> tasks) const {
  std::vector<Group> groups;
  for (Task* task : tasks) {
    const auto group =
        std::find_if(groups.rbegin(), groups.rend(), [&](const Group& g) { return MayJoin(g, WorkOf(*task)); });
    (group == groups.rend() ? groups.emplace_back() : *group).push_back(task);
  }
  return groups;
}

absl::Status BatchRunner::Run(size_t slot, std::span<Task* const> tasks) {
  for (const Group& group : Split(tasks)) {
    RunGroup(*slots_[slot]->lanes[WorkOf(*group.front()).entry], group);
  }
  return absl::OkStatus();
}

void BatchRunner::RunGroup(Lane& lane, const Group& group) {
  absl::Status status = RunTogether(lane, group);
  if (status.ok()) return;
  if (group.size() == 1 || status.code() != absl::StatusCode::kInvalidArgument) {
    // Each a status of its own: they are dropped on different threads.
    for (Task* task : group) task->status = absl::Status(status.code(), status.message());
    return;
  }
  for (Task* task : group) task->status = RunTogether(lane, {&task, 1});
}

absl::Status BatchRunner::RunTogether(Lane& lane, std::span<Task* const> group) {
  std::vector<runtime::BatchIo::Request> requests;
  for (Task* task : group) requests.emplace_back(WorkOf(*task).inputs);
  RUNTIME_RETURN_IF_ERROR(lane.io.Combine(requests));
  RUNTIME_RETURN_IF_ERROR(lane.executor.Run(lane.io.inputs(), absl::MakeSpan(lane.outputs)));
  lane.parts.resize(lane.outputs.size());
  for (size_t i = 0; i < group.size(); ++i) {
    lane.io.Split(lane.outputs, i, absl::MakeSpan(lane.parts));
    InferWork& work = WorkOf(*group[i]);
    work.outputs.clear();
    for (const int output : work.wanted) work.outputs.push_back(CopyOut(lane.parts[static_cast<size_t>(output)]));
  }
  return absl::OkStatus();
}

}  // namespace strata::models
