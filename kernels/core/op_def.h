// OpDef: a schema and the kernels that can run it. Data, no registration: the table is //kernels/ops:all.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "kernels/base/status.h"
#include "kernels/core/call.h"
#include "kernels/core/op_context.h"
#include "kernels/core/op_schema.h"

namespace strata {

// What every kernel looks like to Invoke; made from a typed function by Typed<> (typed_kernel.h).
using KernelFn = void (*)(const OpContext& context, const Call& call);

// One row of an op's table. The first row that matches device, dtype and `accepts` runs.
struct Variant {
  std::string_view name;
  KernelFn run;
  DeviceType device = DeviceType::kCpu;
  // Rows of one class give equal bits. "ieee": the order of every operation is part of the op's definition.
  std::string_view numerics = "ieee";
  // Dtypes of the schema's letter T that the row takes.
  DTypeSet dtypes = kFloatDTypes;
  bool (*accepts)(const Call& call) = nullptr;  // nullptr: every call
  // What the row needs of the processor, for people: "AVX512-BF16"; empty: nothing special.
  std::string_view needs = {};
  // Working memory in bytes for one call on `num_threads` threads; nullptr: none. Also asked while a bundle is loaded,
  // when no tensor has data (nullptr): then the most that any data can take.
  size_t (*workspace_bytes)(const Call& call, int num_threads) = nullptr;
};

// Another layout of a constant argument, made once at load: never a different result.
struct Prepare {
  int input = -1;
  // Bytes that the prepared form takes, 0 where the argument is used as it is.
  size_t (*bytes)(const TensorView& argument) = nullptr;
  // Writes the prepared form. REQUIRES: `out` has bytes() bytes, 64-byte aligned.
  void (*run)(const TensorView& argument, void* out) = nullptr;
  // Whether a call gains more from the prepared form than one more read of the argument costs, which is how research
  // sees that it is current; nullptr: every call does.
  bool (*pays)(const Call& call) = nullptr;
};

struct OpDef {
  const OpSchema* schema;
  std::span<const Variant> variants;
  Prepare prepare = {};
  // Runs after Infer's own checks, for what the schema cannot say: checks attributes, sets the outputs (of a list, with
  // Call::num_outputs). An error is complete but for the "strata::<op>: " at its front. Reads no data: tensors of a
  // plan that is being loaded have none.
  Status (*infer)(Call& call) = nullptr;
  // Checks what the schema cannot say of the values of arguments. Runs in Invoke on a CPU, after the schema's own
  // checks of offsets and indices, before anything is written; errors as infer's.
  Status (*check_values)(const Call& call) = nullptr;
};

}  // namespace strata
