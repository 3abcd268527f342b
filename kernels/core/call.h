// Call: the arguments of one call of an op, and what was inferred from them.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/core/op_schema.h"

namespace strata {

struct Call {
  std::array<TensorView, kMaxInputs> inputs;
  // Of list arguments, whose entry in `inputs` is absent. The memory is the caller's.
  std::array<std::span<const TensorView>, kMaxInputs> lists;
  std::array<AttrValue, kMaxAttrs> attrs;
  std::array<TensorView, kMaxOutputs> outputs;

  // Filled by Infer.
  int num_outputs = 0;
  std::array<int64_t, kMaxDims> dims;  // by the schema's dim index
  int leading_rank = 0;                // the dims that `*` stood for
  std::array<int64_t, kMaxRank> leading;

  // Attributes at their defaults, every input absent.
  explicit Call(const OpSchema& schema) {
    for (int i = 0; i < schema.num_attrs; ++i) {
      attrs[static_cast<size_t>(i)] = schema.attrs[static_cast<size_t>(i)].default_value;
    }
  }
};

}  // namespace strata
