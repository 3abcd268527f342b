#include "systems/server/replies.h"

#include <algorithm>
#include <utility>

#include "systems/admin/logging.h"
#include "systems/batching/batch_scheduler.h"
#include "systems/formats/text.h"

namespace strata::server {
namespace {

// In whole seconds, as HTTP wants it.
std::string RetryAfter(const absl::Status& status) {
  const int64_t us = batching::RetryAfterUs(status).value_or(1'000'000);
  return std::to_string(std::max<int64_t>(1, (us + 999'999) / 1'000'000));
}

}  // namespace

net::HttpResponse JsonReply(int http_status, std::string body) {
  net::HttpResponse response;
  response.status = http_status;
  response.headers.Add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

net::HttpResponse ErrorReply(protocol::ErrorStyle style, int http_status, std::string_view message) {
  net::HttpResponse response = JsonReply(http_status, protocol::WriteError(style, http_status, message));
  if (protocol::IsRetryable(http_status)) response.headers.Add("Retry-After", "1");
  return response;
}

net::HttpResponse StatusReply(protocol::ErrorStyle style, const absl::Status& status, std::string_view request_id) {
  const int http_status = protocol::HttpStatus(status.code());
  if (http_status == 500) {
    admin::Log(admin::LogLevel::kError, runtime::Cat("request ", request_id, ": ", status.message()));
  }
  net::HttpResponse response = JsonReply(http_status, protocol::WriteError(style, status));
  if (protocol::IsRetryable(http_status)) response.headers.Add("Retry-After", RetryAfter(status));
  return response;
}

}  // namespace strata::server
