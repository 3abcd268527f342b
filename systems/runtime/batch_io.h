// BatchIo: several requests of one entry point as one run, and its outputs back as theirs. Pure: views in, views out.
// Stacked and ragged inputs are laid end to end, offsets are rebuilt. Because every operator's result for a row does
// not depend on its neighbours, what a request gets is bit-equal to what it would get alone. Not for: deciding which
// requests run together (systems/batching).
//
//   absl::StatusOr<RequestSize> size = CheckRequest(signature, inputs);     // on arrival: a sentence for the client
//   BatchIo io(signature);
//   RUNTIME_RETURN_IF_ERROR(io.Combine(requests));                          // requests[i] are inputs of one request
//   RUNTIME_RETURN_IF_ERROR(executor.Run(io.inputs(), absl::MakeSpan(outputs)));
//   io.Split(outputs, i, absl::MakeSpan(views));                            // views into `outputs`, nothing is copied
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/base/aligned_buffer.h"
#include "systems/formats/signature.h"

namespace strata::runtime {

// How much of a batch a request takes.
struct RequestSize {
  int64_t rows = 0;    // along the batch dim; 1 where the entry point is not batched
  int64_t tokens = 0;  // along the ragged dim; `rows` where there is none
  // The sizes of all other dims: only requests with equal ones can share a batch.
  std::vector<int64_t> other_dims;
};

// Checks one request alone: dtypes, shapes, ranges, offsets, bools. An offsets input may be absent (rank -1): then the
// request is one sequence.
absl::StatusOr<RequestSize> CheckRequest(const Signature& signature, absl::Span<const TensorView> inputs);

class BatchIo {
 public:
  // REQUIRES: `signature` outlives this.
  explicit BatchIo(const Signature& signature);

  using Request = absl::Span<const TensorView>;

  // Lays the requests together. One request is passed through as it is, if it has its offsets. Memory is kept from
  // batch to batch. kInvalidArgument if one is not right, or they cannot share a batch (the message names the request).
  // REQUIRES: at least one request; their memory outlives the run.
  absl::Status Combine(absl::Span<const Request> requests);

  // The batch, valid until the next Combine.
  absl::Span<const TensorView> inputs() const { return inputs_; }
  size_t num_requests() const { return ends_.size(); }

  // The part of request `i` in each output. REQUIRES: `outputs` are those of the run of inputs(), `parts` as many.
  void Split(absl::Span<const TensorView> outputs, size_t i, absl::Span<TensorView> parts) const;

 private:
  struct End {
    int64_t rows, tokens;  // of all requests up to this one
  };
  absl::Status AddSizes(Request request, size_t i, std::vector<int64_t>* others);
  void LayRows(absl::Span<const Request> requests, size_t input);
  void LayOffsets(absl::Span<const Request> requests, size_t input);

  const Signature& signature_;
  std::vector<End> ends_;
  std::vector<TensorView> inputs_;
  std::vector<AlignedBuffer> buffers_;  // by input
};

}  // namespace strata::runtime
