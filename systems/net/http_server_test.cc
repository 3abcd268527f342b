// What a well-behaved client sees, over real loopback sockets.

#include "systems/net/http_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "systems/net/test_server.h"

namespace strata::net {
namespace {

TEST(HttpServer, AnswersOneConnectionAgainAndAgain) {
  TestServer server;
  TestClient client = server.Connect();
  for (int i = 0; i < 50; ++i) {
    const ClientResponse response = client.RoundTrip(Post("/p" + std::to_string(i), "body"));
    ASSERT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "POST /p" + std::to_string(i) + " body");
    EXPECT_EQ(response.Header("Connection"), "");
    EXPECT_NE(response.Header("Date"), "");
  }
  EXPECT_EQ(server.server->stats().accepted, 1u);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  TestClient client = server.Connect();
  std::string all;
  for (int i = 0; i < 500; ++i) all += Post("/" + std::to_string(i), std::string(i, 'x'));
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(client.Read().body, "POST /" + std::to_string(i) + " " + std::string(i, 'x'));
  }
}

TEST(HttpServer, KeepsBytesThatComeWhileAHandlerRuns) {
  TestServer server;
  TestClient client = server.Connect();
  ASSERT_TRUE(client.Send(Get("/wait")));
  server.gate->AwaitWaiting(1);
  ASSERT_TRUE(client.Send(Get("/second") + "POST /third HTTP/1.1\r\nHost: a\r\nContent-Le"));
  server.gate->Open();
  EXPECT_EQ(client.Read().body, "GET /wait ");
  ASSERT_TRUE(client.Send("ngth: 2\r\n\r\nhi"));
  EXPECT_EQ(client.Read().body, "GET /second ");
  EXPECT_EQ(client.Read().body, "POST /third hi");
}

TEST(HttpServer, PausesReadingPastThePipelineLimitAndLosesNothing) {
  HttpServerOptions options;
  options.max_pipelined_bytes = 1000;
  TestServer server(options);
  TestClient client = server.Connect();
  ASSERT_TRUE(client.Send(Get("/wait")));
  server.gate->AwaitWaiting(1);
  std::string all;
  for (int i = 0; i < 2000; ++i) all += Get("/" + std::to_string(i));
  ASSERT_TRUE(client.Send(all));
  server.gate->Open();
  EXPECT_EQ(client.Read().body, "GET /wait ");
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(client.Read().body, "GET /" + std::to_string(i) + " ");
}

TEST(HttpServer, SendsHeadWithoutBodyButWithItsLength) {
  TestServer server;
  TestClient client = server.Connect();
  ASSERT_TRUE(client.Send("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n"));
  const ClientResponse response = client.Read(/*has_body=*/false);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("Content-Length"), std::to_string(std::string("HEAD /head ").size()));
  EXPECT_EQ(client.RoundTrip(Get("/next")).body, "GET /next ");
}

TEST(HttpServer, ReadsChunkedBodiesInAnyPieces) {
  TestServer server;
  TestClient client = server.Connect();
  const std::string request =
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: "
      "v\r\n\r\n";
  for (const char c : request) ASSERT_TRUE(client.Send(std::string_view(&c, 1)));
  EXPECT_EQ(client.Read().body, "POST /c hello world");
  EXPECT_EQ(client.RoundTrip(request).body, "POST /c hello world");
}

TEST(HttpServer, SaysContinueBeforeAnExpectedBody) {
  TestServer server;
  TestClient client = server.Connect();
  ASSERT_TRUE(client.Send("POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 100);
  EXPECT_EQ(client.RoundTrip("abc").body, "POST /e abc");
}

TEST(HttpServer, SendsAnswersLargerThanTheSocketBuffer) {
  TestServer server;
  TestClient client = server.Connect();
  EXPECT_EQ(client.RoundTrip(Get("/big")).body, std::string(4 << 20, 'b'));
  EXPECT_EQ(client.RoundTrip(Get("/after")).body, "GET /after ");
}

TEST(HttpServer, TakesBodiesLargerThanItsBuffer) {
  TestServer server;
  TestClient client = server.Connect();
  const std::string body(3 << 20, 'u');
  EXPECT_EQ(client.RoundTrip(Post("/up", body)).body, "POST /up " + body);
}

TEST(HttpServer, ClosesWhenTheClientAsksAndForHttp10) {
  TestServer server;
  TestClient close = server.Connect();
  EXPECT_EQ(close.RoundTrip("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").Header("Connection"), "close");
  EXPECT_TRUE(close.ReadsEnd());
  TestClient old = server.Connect();
  EXPECT_EQ(old.RoundTrip("GET / HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_TRUE(old.ReadsEnd());
  TestClient kept = server.Connect();
  const std::string request = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(kept.RoundTrip(request).Header("Connection"), "keep-alive");
  EXPECT_EQ(kept.RoundTrip(request).status, 200);
}

TEST(HttpServer, TurnsAHandlersExceptionInto500WithTheIdThatIsLogged) {
  TestServer server;
  TestClient client = server.Connect();
  const ClientResponse response = client.RoundTrip(Get("/throw"));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("planted"), std::string::npos);
  {
    const std::lock_guard lock(server.mutex);
    ASSERT_EQ(server.errors.size(), 1u);
    EXPECT_NE(server.errors[0].find("planted failure"), std::string::npos);
    const std::string id = server.errors[0].substr(std::string("Request ").size(), 16);
    EXPECT_NE(response.body.find(id), std::string::npos) << response.body;
  }
  EXPECT_EQ(client.RoundTrip(Get("/after")).status, 200);
}

TEST(HttpServer, ServesManyConnectionsOnSeveralThreads) {
  HttpServerOptions options;
  options.num_io_threads = 3;
  TestServer server(options);
  std::vector<TestClient> clients;
  for (int i = 0; i < 256; ++i) clients.push_back(server.Connect());
  for (int i = 0; i < 256; ++i) ASSERT_TRUE(clients[i].Send(Get("/wait")));
  server.gate->AwaitWaiting(256);  // all of them at once
  EXPECT_EQ(server.server->stats().open, 256u);
  server.gate->Open();
  for (int i = 0; i < 256; ++i) EXPECT_EQ(clients[i].Read().body, "GET /wait ");
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(clients[i].RoundTrip(Get("/" + std::to_string(i))).body, "GET /" + std::to_string(i) + " ");
  }
}

TEST(HttpServer, ListensOnAUnixSocketAndReplacesAStaleOne) {
  // Not in the test's own folder: its path may be longer than the 107 bytes that a socket's address holds.
  std::string folder = "/tmp/strata_net_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  HttpServerOptions options;
  options.unix_path = folder + "/s";
  {
    TestServer server(options);
    TestClient client(options.unix_path);
    EXPECT_EQ(client.RoundTrip(Get("/local")).body, "GET /local ");
  }
  TestServer again(options);
  TestClient client(options.unix_path);
  EXPECT_EQ(client.RoundTrip(Get("/again")).body, "GET /again ");
  again.Stop().get();
  EXPECT_NE(::access(options.unix_path.c_str(), F_OK), 0);
  EXPECT_EQ(::rmdir(folder.c_str()), 0);
}

TEST(HttpServer, RefusesOptionsThatCannotWorkWithASentence) {
  const Handler handler = [](HttpRequest) -> boost::asio::awaitable<HttpResponse> { co_return HttpResponse(); };
  HttpServerOptions options;
  options.port = 0;
  options.address = "not-an-address";
  EXPECT_EQ(HttpServer::Create(options, handler).status().message(),
            "The address \"not-an-address\" is not a numeric IPv4 or IPv6 one.");
  options.address = "127.0.0.1";
  options.num_io_threads = 0;
  EXPECT_FALSE(HttpServer::Create(options, handler).ok());
  options.num_io_threads = 1;
  const auto first = HttpServer::Create(options, handler);
  ASSERT_TRUE(first.ok());
  options.port = (*first)->port();
  EXPECT_NE(HttpServer::Create(options, handler).status().message().find("Cannot bind"), std::string::npos);
}

}  // namespace
}  // namespace strata::net
