// Inputs from files and outputs into files, for strata-run.
//
//   ReadInputFiles("x.safetensors", signature)             every input, by name
//   ReadInputFiles("x.npy", signature)                     the one input
//   ReadInputFiles("ids=a.npy,mask=b.npy", signature)
//   ReadInputFiles("request.json", signature)              {"inputs": {...}}, as on standard input
//   WriteOutputFiles("y.safetensors" or "y.npy" or "a=1.npy,b=2.npy", signature, outputs)
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "systems/formats/signature.h"
#include "systems/runtime/json_tensors.h"

namespace strata::runtime {

// An error names the file, and what it had and what was wanted. Shapes are checked when the model runs.
absl::StatusOr<ParsedInputs> ReadInputFiles(std::string_view files, const Signature& signature);

// A file is written as a whole or, where the disk is full, an error.
absl::Status WriteOutputFiles(std::string_view files, const Signature& signature, absl::Span<const Tensor> outputs);

}  // namespace strata::runtime
