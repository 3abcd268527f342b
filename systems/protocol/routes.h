// Which endpoint a request line names. Pure: method and target in, route or refusal out.
// Not for: headers, bodies, or whether the model exists.
//
//   RouteResult result = MatchRoute("POST", "/v2/models/minilm/infer", limits);
//   if (const Route* route = std::get_if<Route>(&result)) ... route->endpoint, route->model
//   else reply std::get<RouteError>(result)
#ifndef STRATA_SYSTEMS_PROTOCOL_ROUTES_H_
#define STRATA_SYSTEMS_PROTOCOL_ROUTES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "systems/protocol/errors.h"
#include "systems/protocol/limits.h"

namespace strata::protocol {

enum class Endpoint : uint8_t {
  kLive,            // GET  /v2/health/live
  kReady,           // GET  /v2/health/ready
  kServerMetadata,  // GET  /v2
  kModelMetadata,   // GET  /v2/models/{model}[/versions/{version}]
  kModelReady,      // GET  /v2/models/{model}[/versions/{version}]/ready
  kInfer,           // POST /v2/models/{model}[/versions/{version}]/infer
  kModelIndex,      // POST /v2/repository/index
  kEmbeddings,      // POST /v1/embeddings
  kOpenAiModels,    // GET  /v1/models
  kOpenAiModel,     // GET  /v1/models/{model}
  kMetrics,         // GET  /metrics
};

struct Route {
  Endpoint endpoint = Endpoint::kLive;
  // Percent-decoded. Never empty where the endpoint has one, never "." or "..", without '/', '\\' and control
  // characters, and valid UTF-8: still nothing to open a file with, only to look up in a table.
  std::string model;
  // Empty: the version that the server prefers.
  std::string version;
  // HEAD, which is answered as GET without the body.
  bool head = false;
  // How errors look on this endpoint.
  ErrorStyle error_style = ErrorStyle::kKserve;
};

struct RouteError {
  int http_status = 404;  // or 400, 405, 414
  std::string message;
  // The value of the Allow header; empty except for 405.
  std::string allow;
  ErrorStyle error_style = ErrorStyle::kKserve;
};

using RouteResult = std::variant<Route, RouteError>;

// `target` is the request target as it was sent, in origin form ("/v2?x=1"); a query is ignored. Methods are
// case-sensitive, as in HTTP.
RouteResult MatchRoute(std::string_view method, std::string_view target, const Limits& limits);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_ROUTES_H_
