// For tests of the server: one in this process on a free port, with the runtime's small bundles, and requests as text.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "systems/net/test_server.h"
#include "systems/server/server.h"

namespace strata::server {

// "norms" and "ragged" of systems/runtime/testing.h; the latter with a tokenizer, so that it gives embeddings.
std::vector<std::string> TestBundles();

struct InProcess {
  explicit InProcess(ServerOptions options = {});

  net::TestClient Connect() const { return net::TestClient(server->port()); }
  net::ClientResponse Get(std::string_view target) const;
  net::ClientResponse Post(std::string_view target, std::string_view body) const;
  // Until the model's queue is as wanted; dies after a minute.
  void Await(std::string_view model, const std::function<bool(const batching::Stats&)>& wanted) const;
  // Until /metrics has this line.
  void AwaitMetric(std::string_view line) const;

  std::unique_ptr<Server> server;
};

// Holds every worker thread of a server until it is opened or destroyed.
class Barrier {
 public:
  Barrier(Server& server, int num_threads);
  ~Barrier() { Open(); }
  void Open();

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    int held = 0;
    bool open = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// An inference request for "norms": `rows` rows of 8 numbers that `seed` makes.
std::string NormRequest(int rows, uint32_t seed, std::string_view parameters = "");

}  // namespace strata::server
