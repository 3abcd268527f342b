// Replies: values to HTTP answers, in the form that a route's clients expect. Not for: deciding what went wrong.
//
//   return JsonReply(200, protocol::WriteServerMetadata(metadata));
//   return StatusReply(route.error_style, status);   // 429 with Retry-After, 504, ...
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "systems/net/http_message.h"
#include "systems/protocol/errors.h"

namespace strata::server {

net::HttpResponse JsonReply(int http_status, std::string body);

// The status as an error; 429 and 503 say when to come back. What broke inside (500) is logged under `request_id` and
// not shown.
net::HttpResponse StatusReply(protocol::ErrorStyle style, const absl::Status& status, std::string_view request_id);

net::HttpResponse ErrorReply(protocol::ErrorStyle style, int http_status, std::string_view message);

}  // namespace strata::server
