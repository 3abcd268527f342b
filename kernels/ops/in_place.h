// Which operators may write an output over one of their inputs: the one list of them, beside the table.
//
// An output may lie in the very memory of an input (the same first byte, the same shape, elements of the same size,
// both contiguous) where the kernel reads an element of that input for the last time before it writes the same element,
// on every thread. Then running in place cannot change a bit; conformance runs each pair of this list in place, on
// every SIMD target and past the caches, and compares. Of a list argument every tensor that fits may be the one, in
// calls that make one output.
//
//   if (MayOverwrite(*op.schema, /*input=*/0, /*output=*/0)) call.outputs[0].data = call.inputs[0].data;
#pragma once

#include <span>
#include <string_view>

#include "kernels/core/op_schema.h"

namespace strata {

struct InPlacePair {
  std::string_view op, input, output;
};
std::span<const InPlacePair> InPlacePairs();

// Indices of the schema. REQUIRES: they are in its range.
bool MayOverwrite(const OpSchema& schema, int input, int output);

}  // namespace strata
