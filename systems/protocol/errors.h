// How a failure looks to a client: the HTTP status of an absl::Status, and the two forms of error body.
// Not for: deciding what is an error, nor retry policy beyond the one header value.
//
//   int http = HttpStatus(status.code());
//   std::string body = WriteError(ErrorStyle::kKserve, status);
#ifndef STRATA_SYSTEMS_PROTOCOL_ERRORS_H_
#define STRATA_SYSTEMS_PROTOCOL_ERRORS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace strata::protocol {

// The one place where codes become HTTP statuses. OK is 200.
int HttpStatus(absl::StatusCode code);

// Whether the client may send the same request again: 429 and 503, which carry Retry-After.
bool IsRetryable(int http_status);

enum class ErrorStyle : uint8_t {
  kKserve,  // {"error": "..."}
  kOpenAi,  // {"error": {"message": "...", "type": "...", "param": null, "code": null}}
};

// `http_status` picks OpenAI's type and code. For faults of our own (500) the message is a fixed sentence: what broke
// inside is for the log.
std::string WriteError(ErrorStyle style, int http_status, std::string_view message, std::string_view param = "");
// With the status's message and ErrorParam.
std::string WriteError(ErrorStyle style, const absl::Status& status);

// Attaches the request field at fault. An empty param changes nothing.
absl::Status WithErrorParam(absl::Status status, std::string_view param);
// Empty if there is none.
std::string ErrorParam(const absl::Status& status);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_ERRORS_H_
