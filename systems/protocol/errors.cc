#include "systems/protocol/errors.h"

#include "absl/strings/cord.h"
#include "absl/types/optional.h"
#include "systems/protocol/json_writer.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

constexpr std::string_view kParamPayload = "strata/error-param";

std::string_view OpenAiType(int http_status) {
  if (http_status == 401) return "authentication_error";
  if (http_status == 403) return "permission_error";
  if (http_status == 429) return "rate_limit_error";
  return http_status >= 500 ? "server_error" : "invalid_request_error";
}

// The `code` that OpenAI's own clients look at; empty means null.
std::string_view OpenAiCode(int http_status, std::string_view param) {
  if (http_status == 404 && param == "model") return "model_not_found";
  if (http_status == 429) return "rate_limit_exceeded";
  return "";
}

void AppendStringOrNull(std::string_view text, std::string* out) {
  if (text.empty()) {
    out->append("null");
  } else {
    AppendJsonString(text, out);
  }
}

}  // namespace

int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kOutOfRange:
      return 413;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:  // nginx's number for a client that left; nobody reads it but the log
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:  // kInternal, kUnknown, kDataLoss, and codes that a later absl may add
      return 500;
  }
}

bool IsRetryable(int http_status) { return http_status == 429 || http_status == 503; }

std::string WriteError(ErrorStyle style, int http_status, std::string_view message, std::string_view param) {
  if (http_status == 500) message = "the server failed to answer this request; its log says why";
  std::string out = "{\"error\":";
  if (style == ErrorStyle::kKserve) {
    AppendJsonString(message, &out);
  } else {
    out.append("{\"message\":");
    AppendJsonString(message, &out);
    out.append(",\"type\":");
    AppendJsonString(OpenAiType(http_status), &out);
    out.append(",\"param\":");
    AppendStringOrNull(param, &out);
    out.append(",\"code\":");
    AppendStringOrNull(OpenAiCode(http_status, param), &out);
    out.push_back('}');
  }
  out.push_back('}');
  return out;
}

std::string WriteError(ErrorStyle style, const absl::Status& status) {
  return WriteError(style, HttpStatus(status.code()), ToStd(status.message()), ErrorParam(status));
}

absl::Status WithErrorParam(absl::Status status, std::string_view param) {
  if (!param.empty()) status.SetPayload(ToAbsl(kParamPayload), absl::Cord(ToAbsl(param)));
  return status;
}

std::string ErrorParam(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(ToAbsl(kParamPayload));
  return payload ? std::string(*payload) : std::string();
}

}  // namespace strata::protocol
