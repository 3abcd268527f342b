#include "kernels/torch/adapter.h"

#include <algorithm>
#include <bit>
#include <string_view>
#include <vector>

#include "kernels/core/invoke.h"
#include "kernels/core/schema_text.h"
#include "kernels/torch/huge_pages.h"
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
  Check(torch_call_dispatcher("aten::contiguous", "", stack, kBuiltFor), "contiguous");
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

}  // namespace

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
  // A mutated argument that is not contiguous is left to Infer, which refuses it: a copy would take the changes.
  if (!arg.mutated && !TakesStrides(arg, view)) {
    tensor = Contiguous(tensor);
    ReadShape(schema, arg, tensor, view);
  }
  Check(aoti_torch_get_data_ptr(tensor.get(), &view.data), "get_data_ptr");
}

namespace {

AttrValue ReadAttr(const AttrSpec& attr, StableIValue value) {
  if (attr.kind == AttrKind::kFloat) return {.f = std::bit_cast<double>(value)};
  if (attr.kind == AttrKind::kBool) return {.i = (value & 0xff) != 0};
  return {.i = std::bit_cast<int64_t>(value)};
}

}  // namespace

Handle Empty(TensorView& view, int32_t device_type, int32_t device_index) {
  AtenTensorHandle made;
  Check(aoti_torch_empty_strided(view.rank, view.sizes.data(), view.strides.data(), ToTorch(view.dtype), device_type,
                                 device_index, &made),
        "empty_strided");
  Handle handle(made);
  Check(aoti_torch_get_data_ptr(made, &view.data), "get_data_ptr");
  if (device_type == DeviceHooks().torch_device_type) {
    WantHugePages(view.data, static_cast<size_t>(view.numel()) * SizeOf(view.dtype));
  }
  return handle;
}

namespace {

// Handles of the tensors of a list argument.
std::vector<Handle> TakeList(StableIValue value) {
  const auto list = std::bit_cast<StableListHandle>(value);
  size_t size = 0;
  AOTITorchError error = torch_list_size(list, &size);
  std::vector<Handle> handles;
  for (size_t i = 0; i < size && error == 0; ++i) {
    StableIValue item = 0;
    error = torch_list_get_item(list, i, &item);
    if (error == 0) handles.emplace_back(std::bit_cast<AtenTensorHandle>(item));
  }
  torch_delete_list(list);
  Check(error, "list_get_item");
  return handles;
}

std::string TakeText(StableIValue value) {
  const auto handle = std::bit_cast<StringHandle>(value);
  const char* data = nullptr;
  size_t length = 0;
  AOTITorchError error = torch_string_length(handle, &length);
  if (error == 0) error = torch_string_c_str(handle, &data);
  std::string text(error == 0 ? data : "", error == 0 ? length : 0);
  torch_delete_string(handle);
  Check(error, "string_c_str");
  return text;
}

// What torch handed over: owned before anything else can throw.
struct Taken {
  std::array<Handle, kMaxInputs> inputs;
  std::array<std::vector<Handle>, kMaxInputs> lists;
  std::array<std::vector<TensorView>, kMaxInputs> views;  // of lists
  std::array<std::string, kMaxAttrs> texts;
  std::array<std::string_view, kMaxAttrs> text_views;
};

void TakeInputs(const OpSchema& schema, StableIValue* stack, Taken& taken) {
  for (int i = 0; i < schema.num_attrs; ++i) {
    const auto at = static_cast<size_t>(i);
    if (schema.attrs[at].kind == AttrKind::kText) taken.texts[at] = TakeText(stack[schema.num_inputs + i]);
  }
  for (int i = 0; i < schema.num_inputs; ++i) {
    StableIValue value = stack[i];
    if (schema.inputs[static_cast<size_t>(i)].list) {
      taken.lists[static_cast<size_t>(i)] = TakeList(value);
      continue;
    }
    if (schema.inputs[static_cast<size_t>(i)].optional) {
      // None is a null pointer; anything else lies in a box that is ours to delete.
      auto* box = std::bit_cast<StableIValue*>(value);
      if (box == nullptr) continue;
      value = *box;
      delete box;
    }
    taken.inputs[static_cast<size_t>(i)] = Handle(std::bit_cast<AtenTensorHandle>(value));
  }
}

void ReadArguments(const OpSchema& schema, const DeviceHooks& hooks, const StableIValue* stack, Taken& taken,
                   Call& call) {
  for (size_t i = 0; i < static_cast<size_t>(schema.num_inputs); ++i) {
    const ArgSpec& arg = schema.inputs[i];
    if (taken.inputs[i]) ReadTensor(schema, arg, hooks, taken.inputs[i], call.inputs[i]);
    if (!arg.list) continue;
    taken.views[i].resize(taken.lists[i].size());
    for (size_t t = 0; t < taken.lists[i].size(); ++t) {
      ReadTensor(schema, arg, hooks, taken.lists[i][t], taken.views[i][t]);
    }
    call.lists[i] = taken.views[i];
  }
  for (size_t i = 0; i < static_cast<size_t>(schema.num_attrs); ++i) {
    const AttrSpec& attr = schema.attrs[i];
    if (attr.kind == AttrKind::kText) {
      taken.text_views[i] = taken.texts[i];
      call.attrs[i].text = &taken.text_views[i];
    } else {
      call.attrs[i] = ReadAttr(attr, stack[static_cast<size_t>(schema.num_inputs) + i]);
    }
  }
}

// The first tensor of the call, whose device is everybody's; nullptr where every list is empty (Infer says so).
AtenTensorHandle FirstTensor(const OpSchema& schema, const Taken& taken) {
  for (size_t i = 0; i < static_cast<size_t>(schema.num_inputs); ++i) {
    if (taken.inputs[i]) return taken.inputs[i].get();
    if (!taken.lists[i].empty()) return taken.lists[i][0].get();
  }
  return nullptr;
}

void PutOutputs(const OpSchema& schema, int count, Outputs& outputs, StableIValue* stack) {
  if (schema.num_outputs == 0 || !schema.outputs[0].list) {
    for (size_t i = 0; i < static_cast<size_t>(count); ++i)
      stack[i] = std::bit_cast<StableIValue>(outputs[i].release());
    return;
  }
  StableListHandle list = nullptr;
  Check(torch_new_list_reserve_size(static_cast<size_t>(count), &list), "new_list_reserve_size");
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    Check(torch_list_push_back(list, std::bit_cast<StableIValue>(outputs[i].release())), "list_push_back");
  }
  stack[0] = std::bit_cast<StableIValue>(list);
}

}  // namespace

Status InvokeInto(const OpDef& op, const DeviceHooks& hooks, int32_t index, Call& call, Outputs& outputs) {
  OpContext context;
  context.device = hooks.device;
  const auto bind = [&](Call& c) {
    for (size_t i = 0; i < static_cast<size_t>(c.num_outputs); ++i) {
      outputs[i] = Empty(c.outputs[i], hooks.torch_device_type, index);
    }
    return Status();
  };
  if (hooks.with_device != nullptr) {
    Status status;
    hooks.with_device(index, context, [&] { status = Invoke(op, context, call, bind); });
    return status;
  }
  static thread_local AlignedBuffer scratch;
  context.parallel = &TorchThreads();
  context.scratch = &scratch;
  return Invoke(op, context, call, bind);
}

void RunBoxed(const OpDef& op, const DeviceHooks& hooks, StableIValue* stack) {
  RunBoxed(op, hooks, stack, [](Call&) {});
}

void RunBoxed(const OpDef& op, const DeviceHooks& hooks, StableIValue* stack, FunctionRef<void(Call&)> ready) {
  const OpSchema& schema = *op.schema;
  Taken taken;
  TakeInputs(schema, stack, taken);
  Call call(schema);
  ReadArguments(schema, hooks, stack, taken, call);
  ready(call);
  int32_t index = 0;
  if (const AtenTensorHandle first = FirstTensor(schema, taken)) {
    Check(aoti_torch_get_device_index(first, &index), "get_device_index");
  }
  Outputs outputs;
  const Status status = InvokeInto(op, hooks, index, call, outputs);
  if (!status.ok()) throw std::runtime_error(status.message());
  PutOutputs(schema, call.num_outputs, outputs, stack);
}

}  // namespace strata::torch_adapter
