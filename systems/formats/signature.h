// Signature: what an entry point takes and gives, and how several requests become one batch. It is what the service's
// metadata, checks and batching need of a model; no weights, no plan.
//
//   std::vector<int64_t> dims(signature.dims.size());
//   RUNTIME_RETURN_IF_ERROR(BindInputs(signature, inputs, absl::MakeSpan(dims)));   // a sentence for the client
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernels/core/tensor_view.h"
#include "systems/formats/size_expr.h"

namespace strata::runtime {

// A named size and the range that it may have, both ends included.
struct Dim {
  std::string name;
  int64_t min = 0;
  int64_t max = 0;
};

enum class Layout : uint8_t {
  kWhole,    // the entry point is not batched
  kStacked,  // dim 0 is the batch dim
  kRagged,   // dim 0 is the ragged dim
  kOffsets,  // B+1 ends of the runs along the ragged dim
};

struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<SizeExpr> shape;
  Layout layout = Layout::kWhole;
};

struct Signature {
  std::string name;
  std::vector<Dim> dims;
  std::vector<TensorSpec> inputs, outputs;
  int batch_dim = -1;   // index of dims; -1: requests never share a batch
  int ragged_dim = -1;  // index of dims; -1: no input is ragged

  // -1: no such input or output.
  int FindInput(std::string_view input) const;
  int FindOutput(std::string_view output) const;
};

// The sizes for metadata: -1 where a size depends on a dim.
std::vector<int64_t> MetadataShape(const TensorSpec& spec);

// Checks dtypes, ranks, sizes, strides and alignment of all inputs, finds every dim and checks its range. An error
// names the input, what it had and what was wanted. Does not read data. Allocates nothing unless something is wrong.
// REQUIRES: dims.size() == signature.dims.size().
absl::Status BindInputs(const Signature& signature, absl::Span<const TensorView> inputs, absl::Span<int64_t> dims);

// Values that have bit patterns without a meaning: a bool must be 0 or 1.
absl::Status CheckInputValues(const Signature& signature, absl::Span<const TensorView> inputs);

}  // namespace strata::runtime
