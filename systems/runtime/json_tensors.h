// Tensors as JSON, for strata-run: nested lists in, nested lists out.
//
//   {"inputs": {"x": [[1, 2], [3, 4]]}}  ->  {"outputs": {"y": [[0.5, 1], [2, 4]]}}
//
// The shape is that of the nesting; a list without numbers cannot say all its sizes, so {"shape": [0, 8], "data": []}
// is taken, too. NaN and infinities are the strings "NaN", "Infinity", "-Infinity", both ways. Not for: requests
// (systems/protocol).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "systems/formats/signature.h"
#include "systems/runtime/runtime.h"

namespace strata::runtime {

// Inputs in the signature's order; an offsets input that is not there is absent (rank -1).
struct ParsedInputs {
  std::vector<Tensor> tensors;  // the memory
  std::vector<TensorView> views;
};

absl::StatusOr<ParsedInputs> ParseInputs(std::string_view json, const Signature& signature);

// One line, without its end. Floats are the shortest decimals that read back as the same bits.
std::string OutputsJson(const Signature& signature, absl::Span<const Tensor> outputs);

}  // namespace strata::runtime
