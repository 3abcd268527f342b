#include "kernels/torch/adapter.h"

#include <algorithm>
#include <bit>

#include "kernels/core/invoke.h"
#include "kernels/core/schema_text.h"
#include "kernels/torch/torch_parallel.h"

namespace strata::torch_adapter {
namespace {

std::string Where(const OpSchema& schema, const ArgSpec& arg) {
  return "strata::" + std::string(schema.name) + ": " + std::string(arg.name);
}

// clone() keeps strides; aten::contiguous through the dispatcher does not.
Handle Contiguous(const Handle& tensor) {
  AtenTensorHandle copy;
  Check(aoti_torch_new_tensor_handle(tensor.get(), &copy), "new_tensor_handle");
  StableIValue stack[2] = {std::bit_cast<StableIValue>(copy),
                           static_cast<StableIValue>(aoti_torch_memory_format_contiguous_format())};
  Check(torch_call_dispatcher("aten::contiguous", "", stack, 0x020a000000000000), "contiguous");
  return Handle(std::bit_cast<AtenTensorHandle>(stack[0]));
}

void ReadShape(const OpSchema& schema, const ArgSpec& arg, const Handle& tensor, TensorView& view) {
  int64_t rank = 0, *sizes = nullptr, *strides = nullptr;
  Check(aoti_torch_get_dim(tensor.get(), &rank), "get_dim");
  if (rank > kMaxRank) {
    throw std::runtime_error(Where(schema, arg) + " has " + std::to_string(rank) + " dims, wanted " +
                             std::to_string(kMaxRank) + " at most");
  }
  Check(aoti_torch_get_sizes(tensor.get(), &sizes), "get_sizes");
  Check(aoti_torch_get_strides(tensor.get(), &strides), "get_strides");
  view.rank = static_cast<int>(rank);
  std::copy_n(sizes, rank, view.sizes.begin());
  std::copy_n(strides, rank, view.strides.begin());
}

void ReadTensor(const OpSchema& schema, const ArgSpec& arg, const DeviceHooks& hooks, Handle& tensor,
                TensorView& view) {
  int32_t device = 0, dtype = 0;
  Check(aoti_torch_get_device_type(tensor.get(), &device), "get_device_type");
  if (device != hooks.torch_device_type) {
    throw std::runtime_error(Where(schema, arg) + " is on " + TorchDeviceName(device) + ", wanted " +
                             TorchDeviceName(hooks.torch_device_type) + " like the others");
  }
  Check(aoti_torch_get_dtype(tensor.get(), &dtype), "get_dtype");
  const auto known = FromTorch(dtype);
  if (!known) {
    throw std::runtime_error(Where(schema, arg) + " has dtype " + TorchDTypeName(dtype) + ", wanted " +
                             DTypeSetText(arg.type.set));
  }
  view.dtype = *known;
  ReadShape(schema, arg, tensor, view);
  if (!(arg.strided ? HasContiguousRows(view) : IsContiguous(view))) {
    tensor = Contiguous(tensor);
    ReadShape(schema, arg, tensor, view);
  }
  Check(aoti_torch_get_data_ptr(tensor.get(), &view.data), "get_data_ptr");
}

AttrValue ReadAttr(const AttrSpec& attr, StableIValue value) {
  if (attr.kind == AttrKind::kFloat) return {.f = std::bit_cast<double>(value)};
  if (attr.kind == AttrKind::kBool) return {.i = (value & 0xff) != 0};
  return {.i = std::bit_cast<int64_t>(value)};
}

Handle Empty(TensorView& view, int32_t device_type, int32_t device_index) {
  AtenTensorHandle made;
  Check(aoti_torch_empty_strided(view.rank, view.sizes.data(), view.strides.data(), ToTorch(view.dtype), device_type,
                                 device_index, &made),
        "empty_strided");
  Handle handle(made);
  Check(aoti_torch_get_data_ptr(made, &view.data), "get_data_ptr");
  return handle;
}

// Everything that torch handed over is owned before anything can throw.
void TakeInputs(const OpSchema& schema, StableIValue* stack, std::array<Handle, kMaxInputs>& inputs) {
  for (int i = 0; i < schema.num_inputs; ++i) {
    StableIValue value = stack[i];
    if (schema.inputs[static_cast<size_t>(i)].optional) {
      // None is a null pointer; anything else lies in a box that is ours to delete.
      auto* box = std::bit_cast<StableIValue*>(value);
      if (box == nullptr) continue;
      value = *box;
      delete box;
    }
    inputs[static_cast<size_t>(i)] = Handle(std::bit_cast<AtenTensorHandle>(value));
  }
}

}  // namespace

void RunBoxed(const OpDef& op, const DeviceHooks& hooks, StableIValue* stack) {
  const OpSchema& schema = *op.schema;
  std::array<Handle, kMaxInputs> inputs;
  std::array<Handle, kMaxOutputs> outputs;
  TakeInputs(schema, stack, inputs);
  Call call(schema);
  for (size_t i = 0; i < static_cast<size_t>(schema.num_inputs); ++i) {
    if (inputs[i]) ReadTensor(schema, schema.inputs[i], hooks, inputs[i], call.inputs[i]);
  }
  for (size_t i = 0; i < static_cast<size_t>(schema.num_attrs); ++i) {
    call.attrs[i] = ReadAttr(schema.attrs[i], stack[static_cast<size_t>(schema.num_inputs) + i]);
  }
  int32_t index = 0;
  Check(aoti_torch_get_device_index(inputs[0].get(), &index), "get_device_index");
  OpContext context;
  context.device = hooks.device;
  const auto bind = [&](Call& c) {
    for (size_t i = 0; i < static_cast<size_t>(schema.num_outputs); ++i) {
      outputs[i] = Empty(c.outputs[i], hooks.torch_device_type, index);
    }
    return Status();
  };
  Status status;
  if (hooks.with_device != nullptr) {
    hooks.with_device(index, context, [&] { status = Invoke(op, context, call, bind); });
  } else {
    static thread_local AlignedBuffer scratch;
    context.parallel = &TorchThreads();
    context.scratch = &scratch;
    status = Invoke(op, context, call, bind);
  }
  if (!status.ok()) throw std::runtime_error(status.message());
  for (size_t i = 0; i < static_cast<size_t>(schema.num_outputs); ++i) {
    stack[i] = std::bit_cast<StableIValue>(outputs[i].release());
  }
}

}  // namespace strata::torch_adapter
