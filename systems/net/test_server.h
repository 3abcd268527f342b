// For tests: a server on a free port with short timeouts, and a client of plain blocking sockets that shares no code
// with the server. Nothing here sleeps: the client blocks in recv, for ten seconds at most.

#ifndef SYSTEMS_NET_TEST_SERVER_H_
#define SYSTEMS_NET_TEST_SERVER_H_

#include <condition_variable>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "systems/net/http_server.h"

namespace strata::net {

struct ClientResponse {
  int status = 0;  // 0: the connection ended before a whole response
  std::string head;
  std::string body;

  // The value of a header, by its exact name; empty if it is not there.
  std::string Header(std::string_view name) const;
};

class TestClient {
 public:
  explicit TestClient(uint16_t port);
  explicit TestClient(const std::string& unix_path);
  ~TestClient();
  TestClient(TestClient&& other) noexcept;
  TestClient(const TestClient&) = delete;

  // False if the server has closed or reset.
  bool Send(std::string_view bytes);
  // `has_body`: false for the answer to a HEAD.
  ClientResponse Read(bool has_body = true);
  ClientResponse RoundTrip(std::string_view bytes) { return Send(bytes), Read(); }
  // True if the server ends the connection in good order before it sends anything more; false on bytes or a reset.
  bool ReadsEnd();
  void CloseSending();
  void Close();
  // Close with a reset.
  void Reset();

 private:
  bool Fill();

  int fd_ = -1;
  std::string received_;
};

// "GET <target>" with the one header that must be there.
std::string Get(std::string_view target);
std::string Post(std::string_view target, std::string_view body);

// Handlers that wait until the test lets them go, or until they are cancelled.
class Gate {
 public:
  boost::asio::awaitable<void> Wait();
  void Open();                 // lets go all who wait now and later
  void AwaitWaiting(int n);    // until n handlers have come to wait, ever
  void AwaitCancelled(int n);  // until n waits were cancelled
  int cancelled();

 private:
  struct Waiting;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;  // guarded by mutex_, as all below
  std::vector<std::pair<boost::asio::any_io_executor, std::weak_ptr<Waiting>>> waiting_;  // owned by the coroutines
  int num_waited_ = 0;
  int num_cancelled_ = 0;
};

// Answers: /wait waits at the gate; /throw throws; /big gives 4 MB; anything else gives "METHOD target body".
struct TestServer {
  explicit TestServer(HttpServerOptions options = {});
  ~TestServer();

  TestClient Connect() const { return TestClient(server->port()); }
  std::future<DrainReport> Stop();

  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::mutex mutex;
  std::vector<int> statuses;        // guarded by mutex
  std::vector<std::string> errors;  // guarded by mutex
  std::unique_ptr<HttpServer> server;
};

}  // namespace strata::net

#endif  // SYSTEMS_NET_TEST_SERVER_H_
