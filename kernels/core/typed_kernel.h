// Typed<kSchema, Function>: a plainly typed kernel as a KernelFn, its signature checked against the schema while
// compiling.
//
//   void RmsNormCpu(const OpContext&, const TensorView& x, const TensorView& weight, double eps, const TensorView& y);
//   Variant{"simd", Typed<kRmsNorm, RmsNormCpu>}
//
// In schema order: an input is a `const TensorView&`, an optional one a `const TensorView*` (nullptr where absent), a
// list a `std::span<const TensorView>`, an attribute a double, int64_t, bool, enum or `std::string_view`, an output a
// `const TensorView&`.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "kernels/core/op_def.h"

namespace strata {
namespace typed_internal {

template <class P, const OpSchema& kSchema, int kIndex>
constexpr bool ParameterMatches() {
  constexpr int kAttr = kIndex - kSchema.num_inputs;
  constexpr bool kIsView = std::is_same_v<P, const TensorView&>;
  if constexpr (kIndex < kSchema.num_inputs) {
    if constexpr (kSchema.inputs[kIndex].list) return std::is_same_v<P, std::span<const TensorView>>;
    return kSchema.inputs[kIndex].optional ? std::is_same_v<P, const TensorView*> : kIsView;
  } else if constexpr (kAttr < kSchema.num_attrs) {
    switch (kSchema.attrs[kAttr].kind) {
      case AttrKind::kFloat:
        return std::is_same_v<P, double>;
      case AttrKind::kInt:
        return std::is_same_v<P, int64_t>;
      case AttrKind::kBool:
        return std::is_same_v<P, bool>;
      case AttrKind::kChoice:
        return std::is_enum_v<P>;
      case AttrKind::kText:
        return std::is_same_v<P, std::string_view>;
    }
    return false;
  } else {
    return kSchema.outputs[kAttr - kSchema.num_attrs].list ? std::is_same_v<P, std::span<const TensorView>> : kIsView;
  }
}

template <class P, const OpSchema& kSchema, int kIndex>
P Get(const Call& call) {
  constexpr int kAttr = kIndex - kSchema.num_inputs, kOutput = kAttr - kSchema.num_attrs;
  if constexpr (kIndex < kSchema.num_inputs) {
    const TensorView& view = call.inputs[kIndex];
    if constexpr (kSchema.inputs[kIndex].list) {
      return call.lists[kIndex];
    } else if constexpr (kSchema.inputs[kIndex].optional) {
      return view.present() ? &view : nullptr;
    } else {
      return view;
    }
  } else if constexpr (kAttr < kSchema.num_attrs) {
    if constexpr (kSchema.attrs[kAttr].kind == AttrKind::kFloat) {
      return call.attrs[kAttr].f;
    } else if constexpr (kSchema.attrs[kAttr].kind == AttrKind::kText) {
      return *call.attrs[kAttr].text;
    } else {
      return static_cast<P>(call.attrs[kAttr].i);
    }
  } else if constexpr (kSchema.outputs[kOutput].list) {
    return std::span<const TensorView>(call.outputs.data(), static_cast<size_t>(call.num_outputs));
  } else {
    return call.outputs[kOutput];
  }
}

template <const OpSchema& kSchema, auto kFunction, class Signature>
struct Adapter;

template <const OpSchema& kSchema, auto kFunction, class... P>
struct Adapter<kSchema, kFunction, void (*)(const OpContext&, P...)> {
  static_assert(sizeof...(P) == kSchema.num_inputs + kSchema.num_attrs + kSchema.num_outputs,
                "the kernel's parameters are the schema's inputs, attributes and outputs, in this order");

  template <size_t... kIndex>
  static void Forward(const OpContext& context, const Call& call, std::index_sequence<kIndex...>) {
    static_assert((ParameterMatches<P, kSchema, static_cast<int>(kIndex)>() && ...),
                  "a parameter of the kernel has not the type that the schema gives it");
    kFunction(context, Get<P, kSchema, static_cast<int>(kIndex)>(call)...);
  }
  static void Run(const OpContext& context, const Call& call) {
    Forward(context, call, std::index_sequence_for<P...>());
  }
};

}  // namespace typed_internal

template <const OpSchema& kSchema, auto kFunction>
inline constexpr KernelFn Typed = &typed_internal::Adapter<kSchema, kFunction, decltype(kFunction)>::Run;

// Calls f(T{}) with the C++ type of a float dtype. REQUIRES: dtype is float32, bfloat16 or float64.
template <class F>
void DispatchFloat(DType dtype, F&& f) {
  if (dtype == DType::kF32) return f(float{});
  if (dtype == DType::kF64) return f(double{});
  f(BF16{});
}

// The same for int32 and int64.
template <class F>
void DispatchIndex(DType dtype, F&& f) {
  if (dtype == DType::kI32) return f(int32_t{});
  f(int64_t{});
}

// Calls f with an unsigned integer of the dtype's size, for kernels that move elements as bits.
template <class F>
void DispatchBits(DType dtype, F&& f) {
  switch (SizeOf(dtype)) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      f(uint64_t{});
  }
}

}  // namespace strata
