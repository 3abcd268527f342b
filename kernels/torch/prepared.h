// Prepared arguments in torch (OpDef::prepare): two more functions for an operator that has them, for strata.ops'
// cache of weights (research/strata/ops/_prepared.py) and nobody else.
//
//   strata::_linear_prepare(Tensor weight) -> Tensor        bytes; none where the weight is used as it is
//   strata::_linear_prepared(Tensor prepared, <arguments of linear>) -> <results of linear>
//
// Torch cannot say whether a tensor has changed: a write through `.data` or NumPy moves no version counter, and freed
// memory comes back at the same address. So the bytes carry a fingerprint of the weight, and a call whose weight has
// another runs as if nothing had been prepared. The result is always that of the plain call.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "kernels/torch/adapter.h"

namespace strata::torch_adapter {

// A form as an argument: bytes in a row.
inline constexpr ArgSpec kForm = {.name = "prepared", .dims_text = "", .type = Only(DType::kU8), .rank = 1};

void RunPrepare(const OpDef& op, StableIValue* stack);
void RunPrepared(const OpDef& op, const DeviceHooks& hooks, StableIValue* stack);

// Whether this call, whose arguments are read but not checked, gains from a prepared form.
bool PreparedPays(const OpDef& op, const Call& call);
// Makes the call use a form, the bytes of RunPrepare, where that pays and the form is of the argument as it is now.
void UsePrepared(const OpDef& op, const TensorView& form, Call& call);

// Defines the functions of every operator of the table that has a prepared form.
void DefinePrepared(TorchLibraryHandle schemas);

template <const auto& kOps, size_t kIndex>
void BoxedPrepare(StableIValue* stack, uint64_t, uint64_t) {
  RunPrepare(kOps[kIndex], stack);
}
template <const auto& kOps, size_t kIndex, const DeviceHooks& kHooks>
void BoxedPrepared(StableIValue* stack, uint64_t, uint64_t) {
  RunPrepared(kOps[kIndex], kHooks, stack);
}

// Registers them with torch's `library` handle.
template <const auto& kOps, const DeviceHooks& kHooks>
void RegisterPrepared(TorchLibraryHandle library) {
  const auto add = [library](const OpDef& op, auto prepare, auto prepared) {
    if (op.prepare.input < 0) return;
    const std::string name = "_" + std::string(op.schema->name);
    Check(torch_library_impl(library, (name + "_prepare").c_str(), prepare, kBuiltFor), "library_impl");
    Check(torch_library_impl(library, (name + "_prepared").c_str(), prepared, kBuiltFor), "library_impl");
  };
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    (add(kOps[kIndex], &BoxedPrepare<kOps, kIndex>, &BoxedPrepared<kOps, kIndex, kHooks>), ...);
  }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<decltype(kOps)>>>());
}

}  // namespace strata::torch_adapter
