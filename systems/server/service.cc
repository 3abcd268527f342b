#include "systems/server/service.h"

#include <algorithm>
#include <ctime>
#include <variant>

#include "systems/formats/text.h"
#include "systems/protocol/metadata.h"
#include "systems/server/replies.h"
#include "systems/server/version.h"

namespace strata::server {
namespace {

namespace asio = boost::asio;
using net::HttpRequest;
using net::HttpResponse;
using protocol::Endpoint;

constexpr std::string_view kRequestId = "X-Request-Id";
constexpr size_t kMaxRequestIdBytes = 128;

// A client's own id, if it can go into a header and a log line as it is.
std::string RequestIdOf(const HttpRequest& request) {
  const std::string_view sent = request.headers.Get(kRequestId);
  const bool printable = std::all_of(sent.begin(), sent.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!sent.empty() && sent.size() <= kMaxRequestIdBytes && printable) return std::string(sent);
  return net::RequestIdText(request.id);
}

HttpResponse RouteErrorReply(const HttpRequest& request, const protocol::RouteError& error) {
  HttpResponse response;
  if (request.method == "OPTIONS" && error.http_status == 405) {
    response.status = 204;
  } else {
    response = ErrorReply(error.error_style, error.http_status, error.message);
  }
  if (!error.allow.empty()) response.headers.Set("Allow", error.allow + ", OPTIONS");
  return response;
}

HttpResponse HealthReply(bool good, std::string_view field) {
  return JsonReply(good ? 200 : 503, runtime::Cat("{\"", field, "\":", good ? "true" : "false", "}"));
}

}  // namespace

Service::Service(const models::ModelSet& models, admin::Metrics& metrics, const admin::Health& health,
                 asio::any_io_executor helpers, const protocol::Limits& limits)
    : models_(models),
      metrics_(metrics),
      health_(health),
      helpers_(std::move(helpers)),
      limits_(limits),
      started_s_(std::time(nullptr)) {}

asio::awaitable<HttpResponse> Service::Handle(HttpRequest request) {
  Call call;
  call.arrival = models::Clock::now();
  call.id = RequestIdOf(request);
  protocol::RouteResult routed = protocol::MatchRoute(request.method, request.target, limits_);
  HttpResponse response;
  if (auto* error = std::get_if<protocol::RouteError>(&routed)) {
    response = RouteErrorReply(request, *error);
  } else {
    call.route = std::get<protocol::Route>(std::move(routed));
    call.http = std::move(request);
    response = co_await Answer(call);
  }
  response.headers.Set(kRequestId, call.id);
  co_return response;
}

asio::awaitable<HttpResponse> Service::Answer(Call& call) {
  if (call.route.endpoint == Endpoint::kInfer) return Infer(call);
  if (call.route.endpoint == Endpoint::kEmbeddings) return Embeddings(call);
  return [](Service* self, Call& c) -> Reply { co_return self->AnswerAdmin(c); }(this, call);
}

HttpResponse Service::AnswerAdmin(const Call& call) {
  switch (call.route.endpoint) {
    case Endpoint::kLive:
      return HealthReply(health_.live(), "live");
    case Endpoint::kReady:
      return HealthReply(health_.ready() && models_.ready(), "ready");
    case Endpoint::kServerMetadata: {
      protocol::ServerMetadata server;
      server.version = kVersion;
      return JsonReply(200, protocol::WriteServerMetadata(server));
    }
    case Endpoint::kModelMetadata:
      return ModelMetadata(call);
    case Endpoint::kModelReady:
      return ModelReady(call);
    case Endpoint::kModelIndex:
      return ModelIndex(call);
    case Endpoint::kOpenAiModels:
      return OpenAiModels(call);
    case Endpoint::kOpenAiModel:
      return OpenAiModel(call);
    case Endpoint::kMetrics: {
      HttpResponse response;
      response.headers.Add("Content-Type", admin::Metrics::kContentType);
      response.headers.Add("Cache-Control", "no-store");
      response.body = metrics_.Text();
      return response;
    }
    default:
      return ErrorReply(call.route.error_style, 501, "this endpoint is not offered");
  }
}

absl::StatusOr<models::Model*> Service::FindModel(const Call& call) const {
  models::Model* const model = models_.Find(call.route.model, call.route.version);
  if (model != nullptr) return model;
  if (models_.Find(call.route.model, "") != nullptr) {
    return absl::NotFoundError(runtime::Cat("model ", runtime::Quote(call.route.model), " has no version ",
                                            runtime::Quote(call.route.version)));
  }
  return absl::NotFoundError(
      runtime::Cat("there is no model ", runtime::Quote(call.route.model), "; the models are ", models_.Names()));
}

}  // namespace strata::server
