// Writes the response to an inference request (KServe v2 REST, with the binary tensor data extension).
// Not for: errors; errors.h does that.
//
//   absl::StatusOr<EncodedResponse> encoded = WriteInferResponse(response);
//   // send encoded->json, then each of encoded->binary; header kHeaderLengthName: encoded->json.size()
#ifndef STRATA_SYSTEMS_PROTOCOL_INFER_WRITER_H_
#define STRATA_SYSTEMS_PROTOCOL_INFER_WRITER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "systems/protocol/infer_request.h"

namespace strata::protocol {

// A body in pieces, so that tensors need not be copied to be sent.
struct EncodedResponse {
  std::string json;
  // Views into the response's tensors: the response must outlive them, and stay where it is.
  std::vector<std::string_view> binary;
  // Whether the header kHeaderLengthName, with json.size(), is to be sent; the content type is then octet-stream.
  bool has_binary = false;

  std::string_view content_type() const { return has_binary ? "application/octet-stream" : "application/json"; }
  size_t size() const;
  // All pieces in one; for tests and small bodies.
  std::string Flatten() const;
};

// kFailedPrecondition if an output that goes into the JSON holds what JSON cannot carry (NaN, infinity, BYTES that are
// not UTF-8); kInternal if a tensor's data does not fit its own shape.
absl::StatusOr<EncodedResponse> WriteInferResponse(const InferResponse& response);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_INFER_WRITER_H_
