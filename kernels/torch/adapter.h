// The generic adapter: one boxed torch function for every operator of a table. No code per operator.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "kernels/core/op_def.h"
#include "kernels/torch/handle.h"

namespace strata::torch_adapter {

// What a device's library gives the adapter.
struct DeviceHooks {
  DeviceType device = DeviceType::kCpu;
  int32_t torch_device_type = 0;
  // Runs `body` with the device of `index` current and its stream set in the context; nullptr: a plain call.
  void (*with_device)(int32_t index, OpContext& context, FunctionRef<void()> body) = nullptr;
};

inline constexpr uint64_t kBuiltFor = 0x020a000000000000;  // torch 2.10

// Takes the arguments of one call from torch's stack, invokes the operator, puts the results there. Throws
// std::runtime_error with Invoke's message. `ready` may change the call before it is invoked.
void RunBoxed(const OpDef& op, const DeviceHooks& hooks, StableIValue* stack);
void RunBoxed(const OpDef& op, const DeviceHooks& hooks, StableIValue* stack, FunctionRef<void(Call&)> ready);

using Outputs = std::array<Handle, kMaxOutputs>;

// Invokes the operator on torch's threads (or the device's stream), with new tensors for its outputs on the device of
// `index`.
Status InvokeInto(const OpDef& op, const DeviceHooks& hooks, int32_t index, Call& call, Outputs& outputs);

// An argument of a CPU kernel as a view. A tensor whose strides the kernel does not take is replaced by a contiguous
// copy.
void ReadTensor(const OpSchema& schema, const ArgSpec& arg, const DeviceHooks& hooks, Handle& tensor, TensorView& view);

// A new tensor of the view's dtype, sizes and strides; sets its data.
Handle Empty(TensorView& view, int32_t device_type, int32_t device_index);

// A boxed function gets no operator handle, hence one instance for each operator.
template <const auto& kOps, size_t kIndex, const DeviceHooks& kHooks>
void Boxed(StableIValue* stack, uint64_t, uint64_t) {
  RunBoxed(kOps[kIndex], kHooks, stack);
}

// Registers the kernels of one folder's table with torch's `library` handle.
template <const auto& kOps, const DeviceHooks& kHooks>
void RegisterKernels(TorchLibraryHandle library) {
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    (Check(torch_library_impl(library, std::string(kOps[kIndex].schema->name).c_str(), &Boxed<kOps, kIndex, kHooks>,
                              kBuiltFor),
           "library_impl"),
     ...);
  }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<decltype(kOps)>>>());
}

}  // namespace strata::torch_adapter
