// Service: every route of the HTTP API (docs/formats/http_api.md), over the models of this process.
//
// For: HttpServer's handler. Not for: sockets (systems/net), bytes (systems/protocol), running (systems/models): this
// is where they meet. One coroutine a request; it never computes on its I/O thread.
//
//   Service service(models, metrics, health, helpers, options);
//   HttpServer::Create(http, [&](HttpRequest request) { return service.Handle(std::move(request)); });
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "systems/admin/health.h"
#include "systems/admin/metrics.h"
#include "systems/models/model_set.h"
#include "systems/net/http_message.h"
#include "systems/protocol/limits.h"
#include "systems/protocol/routes.h"

namespace strata::server {

class Service {
 public:
  // REQUIRES: all outlive the service.
  Service(const models::ModelSet& models, admin::Metrics& metrics, const admin::Health& health,
          boost::asio::any_io_executor helpers, const protocol::Limits& limits);

  // Thread-safe. Every answer carries X-Request-Id: the client's, where it sent a usable one.
  boost::asio::awaitable<net::HttpResponse> Handle(net::HttpRequest request);

 private:
  using Reply = boost::asio::awaitable<net::HttpResponse>;
  struct Call {  // one request on its way
    net::HttpRequest http;
    protocol::Route route;
    std::string id;
    models::Clock::time_point arrival;
  };

  Reply Answer(Call& call);
  net::HttpResponse AnswerAdmin(const Call& call);

  // kserve.cc
  net::HttpResponse ModelMetadata(const Call& call) const;
  net::HttpResponse ModelReady(const Call& call) const;
  net::HttpResponse ModelIndex(const Call& call) const;
  Reply Infer(Call& call);
  // openai.cc
  net::HttpResponse OpenAiModels(const Call& call) const;
  net::HttpResponse OpenAiModel(const Call& call) const;
  Reply Embeddings(Call& call);

  absl::StatusOr<models::Model*> FindModel(const Call& call) const;

  const models::ModelSet& models_;
  admin::Metrics& metrics_;
  const admin::Health& health_;
  boost::asio::any_io_executor helpers_;
  protocol::Limits limits_;
  int64_t started_s_;  // since 1970, for OpenAI's `created`
};

}  // namespace strata::server
