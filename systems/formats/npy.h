// numpy's .npy files, versions 1 to 3, little-endian, in C order: strata-run's inputs and outputs. The reader trusts
// nothing.
//
//   absl::StatusOr<TensorView> x = ParseNpy(bytes);   // a view into `bytes`
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/core/tensor_view.h"

namespace strata::runtime {

// REQUIRES: `bytes` outlives the result, which has the alignment that they give it.
absl::StatusOr<TensorView> ParseNpy(absl::Span<const std::byte> bytes);

// A whole file, version 1. kInvalidArgument for bfloat16, which numpy does not have. REQUIRES: `view` is contiguous.
absl::StatusOr<std::string> WriteNpy(const TensorView& view);

}  // namespace strata::runtime
