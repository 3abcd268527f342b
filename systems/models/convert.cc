#include "systems/models/convert.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "systems/formats/text.h"

namespace strata::models {
namespace {

using protocol::InferRequest;
using runtime::Invalid;
using runtime::Quote;
using runtime::Signature;
using runtime::TensorSpec;

// "ids, cu_seqlens"
std::string Names(const std::vector<TensorSpec>& specs) {
  std::string names;
  for (const TensorSpec& spec : specs) names += (names.empty() ? "" : ", ") + spec.name;
  return names;
}

// Where the bytes lie, or a copy where elements would not be aligned there.
void* AlignedData(const protocol::Tensor& tensor, size_t alignment, InferWork* work) {
  const std::string_view bytes = tensor.data.bytes();
  if (!bytes.empty() && reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0) {
    return const_cast<char*>(bytes.data());  // an executor does not write to its inputs
  }
  std::byte* copy = work->copies.emplace_back().Reserve(std::max<size_t>(bytes.size(), 1));
  if (!bytes.empty()) std::memcpy(copy, bytes.data(), bytes.size());
  return copy;
}

absl::StatusOr<TensorView> ViewOf(const TensorSpec& spec, const protocol::Tensor& tensor, InferWork* work) {
  const protocol::Datatype wanted = DatatypeOf(spec.dtype);
  if (tensor.datatype != wanted) {
    return Invalid("input ", Quote(spec.name), " has datatype ", DatatypeName(tensor.datatype), ", wanted ",
                   DatatypeName(wanted));
  }
  if (tensor.shape.size() > static_cast<size_t>(kMaxRank)) {
    return Invalid("input ", Quote(spec.name), " has ", tensor.shape.size(), " dims, wanted ", spec.shape.size());
  }
  TensorView view = MakeView(AlignedData(tensor, SizeOf(spec.dtype), work), spec.dtype, {});
  view.rank = static_cast<int>(tensor.shape.size());
  std::copy(tensor.shape.begin(), tensor.shape.end(), view.sizes.begin());
  view.MakeContiguous();
  return view;
}

absl::Status TakeInputs(const Signature& signature, const InferRequest& request, InferWork* work) {
  work->inputs.assign(signature.inputs.size(), TensorView{});
  for (const protocol::Tensor& tensor : request.inputs) {
    const int index = signature.FindInput(tensor.name);
    if (index < 0) {
      return Invalid("there is no input ", Quote(tensor.name), "; the inputs are ", Names(signature.inputs));
    }
    const auto at = static_cast<size_t>(index);
    RUNTIME_ASSIGN_OR_RETURN(work->inputs[at], ViewOf(signature.inputs[at], tensor, work));
  }
  return absl::OkStatus();
}

absl::Status TakeOutputs(const Signature& signature, const InferRequest& request, InferWork* work) {
  for (const protocol::RequestedOutput& output : request.outputs) {
    const int index = signature.FindOutput(output.name);
    if (index < 0) {
      return Invalid("there is no output ", Quote(output.name), "; the outputs are ", Names(signature.outputs));
    }
    work->wanted.push_back(index);
  }
  if (!request.outputs.empty()) return absl::OkStatus();
  for (size_t i = 0; i < signature.outputs.size(); ++i) work->wanted.push_back(static_cast<int>(i));
  return absl::OkStatus();
}

}  // namespace

protocol::Datatype DatatypeOf(DType dtype) {
  using protocol::Datatype;
  switch (dtype) {
    case DType::kF32:
      return Datatype::kFp32;
    case DType::kBF16:
      return Datatype::kBf16;
    case DType::kF64:
      return Datatype::kFp64;
    case DType::kI32:
      return Datatype::kInt32;
    case DType::kI64:
      return Datatype::kInt64;
    case DType::kU8:
      return Datatype::kUint8;
    case DType::kI8:
      return Datatype::kInt8;
    case DType::kF16:
      return Datatype::kFp16;
    case DType::kBool:
      break;
  }
  return Datatype::kBool;
}

std::vector<protocol::TensorMetadata> MetadataOf(const std::vector<TensorSpec>& specs) {
  std::vector<protocol::TensorMetadata> tensors;
  for (const TensorSpec& spec : specs) tensors.push_back({spec.name, DatatypeOf(spec.dtype), MetadataShape(spec)});
  return tensors;
}

absl::StatusOr<std::unique_ptr<InferWork>> WorkFromRequest(const Signature& signature, const InferRequest& request) {
  auto work = std::make_unique<InferWork>();
  RUNTIME_RETURN_IF_ERROR(TakeInputs(signature, request, work.get()));
  RUNTIME_RETURN_IF_ERROR(TakeOutputs(signature, request, work.get()));
  RUNTIME_ASSIGN_OR_RETURN(work->size, CheckRequest(signature, work->inputs));
  return work;
}

std::vector<protocol::OutputTensor> OutputsOf(const Signature& signature, const InferRequest& request,
                                              InferWork&& work) {
  std::vector<protocol::OutputTensor> outputs;
  for (size_t i = 0; i < work.wanted.size(); ++i) {
    const TensorSpec& spec = signature.outputs[static_cast<size_t>(work.wanted[i])];
    protocol::OutputTensor output;
    output.tensor.name = spec.name;
    output.tensor.datatype = DatatypeOf(spec.dtype);
    output.tensor.shape = std::move(work.outputs[i].shape);
    output.tensor.data = protocol::TensorData::Own(std::move(work.outputs[i].bytes));
    output.binary = request.WantsBinary(spec.name);
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace strata::models
