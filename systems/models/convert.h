// Between the protocol's tensors and an entry point's: names, datatypes and alignment on the way in, names and shapes
// on the way out. Not for: running.
//
//   absl::StatusOr<std::unique_ptr<InferWork>> work = WorkFromRequest(signature, request);
//   ...
//   std::vector<protocol::OutputTensor> outputs = OutputsOf(signature, request, std::move(*work));
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "systems/formats/signature.h"
#include "systems/models/infer_work.h"
#include "systems/protocol/infer_request.h"
#include "systems/protocol/metadata.h"

namespace strata::models {

// Checks everything that can be checked without running: which inputs there are, their datatypes and shapes, offsets,
// which outputs are wanted. Errors are sentences for the client. Nothing is copied but what is not aligned.
// REQUIRES: the request's data outlives the work (InferWork::keep_alive).
absl::StatusOr<std::unique_ptr<InferWork>> WorkFromRequest(const runtime::Signature& signature,
                                                           const protocol::InferRequest& request);

// REQUIRES: `work` is from WorkFromRequest with the same request, and has run.
std::vector<protocol::OutputTensor> OutputsOf(const runtime::Signature& signature,
                                              const protocol::InferRequest& request, InferWork&& work);

protocol::Datatype DatatypeOf(DType dtype);
std::vector<protocol::TensorMetadata> MetadataOf(const std::vector<runtime::TensorSpec>& specs);

}  // namespace strata::models
