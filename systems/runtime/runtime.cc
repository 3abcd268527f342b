#include "systems/runtime/runtime.h"

#include <algorithm>
#include <utility>

#include "systems/formats/text.h"
#include "systems/runtime/batch_io.h"
#include "systems/runtime/strided_copy.h"

namespace strata::runtime {

Tensor Tensor::CopyOf(const TensorView& view) {
  Tensor tensor;
  tensor.view_ = view;
  const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
  tensor.view_.data = tensor.memory_.Reserve(std::max<size_t>(bytes, 1));
  CopyContiguous(view, tensor.view_.data);
  tensor.view_.MakeContiguous();
  return tensor;
}

Model::Model(std::shared_ptr<const Bundle> bundle, GoldenReport golden, Parallel& parallel)
    : bundle_(std::move(bundle)), golden_(std::move(golden)), parallel_(&parallel) {}

absl::StatusOr<Model> Model::Load(const std::string& path, const LoadOptions& options, Parallel& parallel) {
  RUNTIME_ASSIGN_OR_RETURN(std::shared_ptr<const Bundle> bundle, Bundle::Load(path, options));
  RUNTIME_ASSIGN_OR_RETURN(GoldenReport golden, ReplayGolden(*bundle, parallel));
  return Model(std::move(bundle), std::move(golden), parallel);
}

Model Model::Clone(Parallel& parallel) const { return Model(bundle_, golden_, parallel); }

const Signature* Model::signature(std::string_view entry_point) const {
  const std::shared_ptr<const Program> program = bundle_->program(entry_point);
  return program == nullptr ? nullptr : &program->signature();
}

const Executor* Model::executor(std::string_view entry_point) const {
  const auto found = executors_.find(std::string(entry_point));
  return found == executors_.end() ? nullptr : found->second.get();
}

absl::StatusOr<std::vector<Tensor>> Model::Run(std::string_view entry_point, absl::Span<const TensorView> inputs) {
  std::shared_ptr<const Program> program = bundle_->program(entry_point);
  if (program == nullptr) return absl::NotFoundError(Cat("there is no entry point ", Quote(entry_point)));
  const Signature& signature = program->signature();
  std::unique_ptr<Executor>& executor = executors_[signature.name];
  if (executor == nullptr) executor = std::make_unique<Executor>(std::move(program), *parallel_);
  if (profile_ && executor->profile().empty()) executor->EnableProfile(keep_events_);
  BatchIo io(signature);
  RUNTIME_RETURN_IF_ERROR(io.Combine({inputs}));
  std::vector<TensorView> outputs(signature.outputs.size());
  RUNTIME_RETURN_IF_ERROR(executor->Run(io.inputs(), absl::MakeSpan(outputs)));
  std::vector<Tensor> owned;
  for (const TensorView& output : outputs) owned.push_back(Tensor::CopyOf(output));
  return owned;
}

}  // namespace strata::runtime
