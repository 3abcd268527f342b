// Reads the body of an inference request (KServe v2 REST, with the binary tensor data extension).
// Not for: whether the model has such inputs, nor their dims; the model's metadata decides that.
//
//   absl::StatusOr<std::optional<size_t>> json_bytes = ParseHeaderLength(header_value, body.size());
//   absl::StatusOr<InferRequest> request = ParseInferRequest(body, *json_bytes, limits);
//
// Every error is one sentence that names the tensor, what it had and what was wanted: kInvalidArgument (400), or
// kOutOfRange (413) for a body or an element count beyond its limit.
#ifndef STRATA_SYSTEMS_PROTOCOL_INFER_PARSER_H_
#define STRATA_SYSTEMS_PROTOCOL_INFER_PARSER_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "systems/protocol/infer_request.h"
#include "systems/protocol/limits.h"

namespace strata::protocol {

// The name of the HTTP header that says how many bytes of the body are JSON, in requests and responses.
inline constexpr std::string_view kHeaderLengthName = "Inference-Header-Content-Length";

// That header's value: decimal digits alone, not 0 and not more than the body has.
absl::StatusOr<size_t> ParseHeaderLength(std::string_view value, size_t body_bytes);

// `json_bytes` is the header's value, or empty if the request has no such header: then all of the body is JSON.
// Data from the binary part is borrowed, not copied: `body` must outlive the request's inputs.
absl::StatusOr<InferRequest> ParseInferRequest(std::string_view body, std::optional<size_t> json_bytes,
                                               const Limits& limits);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_INFER_PARSER_H_
