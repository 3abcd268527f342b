// An HTTP/1.1 server on Boost.Asio: sockets, limits, timeouts, cancellation and draining; a handler does the rest.
//
// For: the one listener of a service. Each I/O thread runs a single-threaded io_context, and a connection lives on one
// of them from accept to close, so that a handler needs no locks for what belongs to its connection.
// Not for: TLS, HTTP/2, streaming bodies, or computing: a handler that computes blocks every connection of its thread.
//
//   HttpServerOptions options;
//   options.port = 8000;
//   auto server = HttpServer::Create(options, [](HttpRequest request) -> boost::asio::awaitable<HttpResponse> {
//     HttpResponse response;
//     response.body = request.target;
//     co_return response;
//   });
//   if (!server.ok()) return server.status();
//   (*server)->Start();
//   ...
//   (*server)->Stop([](const DrainReport& report) { ... });
//
// What a handler may rely on
// * It runs on its connection's I/O thread (this_coro::executor), one request of a connection at a time.
// * If the client leaves, whatever the handler awaits is cancelled within milliseconds (terminal cancellation): let
//   the operation_aborted exception pass, or catch it to clean up. What is returned then is sent if the socket still
//   takes it. Other connections notice nothing.
// * Work on other threads must come back with a completion on this_coro::executor. Asio's parallel_group and the
//   awaitable operators (||, &&) are not thread-safe: every operation in one must complete on this thread.
// * An exception becomes a 500 that shows the request's id and nothing else; hooks.on_error gets the reason.

#ifndef SYSTEMS_NET_HTTP_SERVER_H_
#define SYSTEMS_NET_HTTP_SERVER_H_

#include <absl/status/statusor.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "systems/net/http_message.h"

namespace strata::net {

using Handler = std::function<boost::asio::awaitable<HttpResponse>(HttpRequest)>;

struct HttpServerOptions {
  using Millis = std::chrono::milliseconds;

  std::string address = "127.0.0.1";  // numeric IPv4 or IPv6; loopback, so that nothing is public by accident
  uint16_t port = 8000;               // 0: any free one; HttpServer::port() tells
  std::string unix_path;              // also listen on this Unix socket; empty: none. A stale one is replaced
  int num_io_threads = 1;             // one moves tens of thousands of requests a second: inference needs the cores
  int listen_backlog = 1024;          // connections the kernel keeps while we are busy (its own limit applies too)
  size_t max_connections = 4096;      // one more is told 503 and closed

  size_t max_header_bytes = 16 * 1024;            // request line and fields; more is 431
  size_t max_header_fields = 100;                 // more is 431
  size_t max_body_bytes = 64 * 1024 * 1024;       // after de-chunking; more is 413
  size_t max_total_body_bytes = size_t{1} << 30;  // of all requests being read or handled; more is 503
  size_t max_pipelined_bytes = 64 * 1024;         // kept of further requests while one is handled; then reading
                                                  // pauses, and with it the notice of a disconnect

  Millis idle_timeout{60'000};              // without a byte of a request: the connection is closed silently
  Millis header_timeout{10'000};            // from a request's first byte to the end of its header; then 408
  Millis body_timeout{10'000};              // for a body, plus its bytes at the rate below; then 408
  size_t min_body_bytes_per_s = 16 * 1024;  // least rate of a body being sent or received
  Millis write_timeout{10'000};  // for an answer, plus its bytes at the rate above; then the connection is closed
  Millis linger_timeout{2'000};  // after a last answer: time for the client to read it and close
  Millis drain_limit{30'000};    // Stop: what is not done by then is cut
  // Stop: a connection younger than this, whose first request is on its way, is not idle yet.
  Millis first_request_grace{500};

  // An end of input counts as "the client left": a client that only half-closes (as `nc -N`) and waits is cancelled
  // too, since TCP cannot tell the two apart. False: only a reset cancels.
  bool cancel_on_half_close = true;
};

// Called on I/O threads, at any time until the server is destroyed: keep them short and thread-safe. Each may be empty.
struct HttpServerHooks {
  // After every answer, limits' answers included; 499: the client left first.
  std::function<void(int status)> on_response;
  // What an operator should read in a log: a handler's exception, a failing accept.
  std::function<void(const std::string& message)> on_error;
  // +1 and -1.
  std::function<void(int change)> on_connections;
};

struct DrainReport {
  uint64_t finished = 0;            // requests answered after Stop
  uint64_t dropped = 0;             // requests cut by the limit: begun (a byte was read), not answered
  uint64_t connections_closed = 0;  // all that were open at Stop or accepted from the backlog then
  std::chrono::milliseconds took{0};
};

struct HttpServerStats {
  uint64_t accepted = 0;   // connections, the refused included
  uint64_t refused = 0;    // over max_connections, or no file descriptor left
  uint64_t open = 0;       // now
  uint64_t requests = 0;   // handlers begun
  uint64_t cancelled = 0;  // handlers whose client left
  uint64_t failed = 0;     // handlers that threw
  uint64_t limited = 0;    // requests answered by the server itself: 4xx, 503
};

class HttpServer {
 public:
  // Binds and listens, so that port() is known; nothing is accepted before Start.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(HttpServerOptions options, Handler handler,
                                                            HttpServerHooks hooks = {});
  // Stops at once, dropping what is in flight, if Stop was not called or is not done. REQUIRES: not called on an I/O
  // thread; what handlers wait for does not complete into them any more (destroy the server after its schedulers).
  virtual ~HttpServer() = default;

  // Starts the I/O threads. REQUIRES: called once.
  virtual void Start() = 0;

  // Drains: takes what the backlog holds, stops accepting, closes idle connections (but for those just opened), answers
  // what has begun with "Connection: close". `done` runs once, on an I/O thread, when all are gone; after drain_limit
  // what is left is cut. Thread-safe; a second call does nothing. REQUIRES: Start was called.
  virtual void Stop(std::function<void(const DrainReport&)> done) = 0;

  virtual uint16_t port() const = 0;
  virtual HttpServerStats stats() const = 0;
  // An I/O thread's executor, for timers and signal sets. REQUIRES: 0 <= index < num_io_threads.
  virtual boost::asio::any_io_executor executor(int index = 0) = 0;
};

}  // namespace strata::net

#endif  // SYSTEMS_NET_HTTP_SERVER_H_
