// Two servers of one fixed answer, to be loaded by wrk: HttpServer, and beside it the least that Asio coroutines can
// do (read some bytes, write the answer, parse nothing), the ceiling on the same machine at the same hour.
//
//   http_bench &   prints both ports;   wrk -t1 -c16 -d5 --latency http://127.0.0.1:PORT/

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <memory>

#include "systems/net/http_server.h"

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr char kBody[] = "{\"live\":true}";

asio::awaitable<strata::net::HttpResponse> Fixed(strata::net::HttpRequest) {
  strata::net::HttpResponse response;
  response.headers.Add("Content-Type", "application/json");
  response.body = kBody;
  co_return response;
}

asio::awaitable<void> BareConnection(tcp::socket socket) {
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n" + std::string(kBody);
  char bytes[4096];
  try {
    for (;;) {
      co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
    }
  } catch (const boost::system::system_error&) {  // the client closed
  }
}

asio::awaitable<void> BareServer(tcp::acceptor acceptor) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), BareConnection(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main() {
  strata::net::HttpServerOptions options;
  options.port = 0;
  auto server = strata::net::HttpServer::Create(options, Fixed);
  if (!server.ok()) return std::fprintf(stderr, "%s\n", server.status().ToString().c_str()), 1;
  (*server)->Start();
  asio::io_context bare(1);
  tcp::acceptor acceptor(bare, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::printf("HttpServer %u\nbare %u\n", (*server)->port(), acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(bare, BareServer(std::move(acceptor)), asio::detached);
  asio::signal_set signals(bare, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { bare.stop(); });
  bare.run();
  return 0;
}
