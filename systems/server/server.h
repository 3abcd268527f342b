// Server: models, threads, queue and HTTP, put together in the order in which they may start and stop. main.cc adds
// flags and signals; tests run it in their own process.
//
//   absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(options);   // verified, listening, ready
//   ... (*server)->port() ...
//   StopReport report = (*server)->Stop();                                     // drains; report.dropped should be 0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "systems/models/model_set.h"
#include "systems/net/http_server.h"
#include "systems/protocol/limits.h"

namespace strata::server {

struct ServerOptions {
  std::vector<std::string> bundles;  // folders, or folders of them
  models::ModelOptions model;
  net::HttpServerOptions http;  // drain_limit is the time that Stop may take
  protocol::Limits limits;
};

// HTTP requests of this server's life, counted where they begin and where they end.
struct StopReport {
  uint64_t accepted = 0;
  uint64_t answered = 0;
  uint64_t dropped = 0;
};

class Server {
 public:
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);
  // As Stop, if it was not called.
  virtual ~Server() = default;

  // Readiness goes false, nothing new is accepted, all that was accepted is answered; drain_limit at most. Blocks.
  // REQUIRES: called once, on a thread of the caller's.
  virtual StopReport Stop() = 0;

  virtual uint16_t port() const = 0;
  // "http://127.0.0.1:8000"
  virtual std::string url() const = 0;
  virtual const models::ModelSet& models() const = 0;
  // What batches run on: a test holds it up to fill a queue.
  virtual boost::asio::any_io_executor workers() = 0;
};

}  // namespace strata::server
