// What a slow, hostile, broken or vanishing client gets, and that the others do not notice.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

#include "systems/net/test_server.h"

namespace strata::net {
namespace {

using std::chrono::milliseconds;

// Sends bytes that the server answers by itself, and expects the answer in JSON and the connection's orderly end.
void ExpectRefused(const TestServer& server, std::string_view bytes, int status, std::string_view sentence_part) {
  TestClient client = server.Connect();
  client.Send(bytes);
  const ClientResponse response = client.Read();
  EXPECT_EQ(response.status, status) << bytes.substr(0, 80);
  EXPECT_EQ(response.Header("Connection"), "close");
  EXPECT_EQ(response.Header("Content-Type"), "application/json");
  EXPECT_EQ(response.body.substr(0, 10), "{\"error\":\"") << response.body;
  EXPECT_NE(response.body.find(sentence_part), std::string::npos) << response.body;
  EXPECT_TRUE(client.ReadsEnd());
}

HttpServerOptions SmallLimits() {
  HttpServerOptions options;
  options.max_header_bytes = 1024;
  options.max_header_fields = 10;
  options.max_body_bytes = 1000;
  return options;
}

TEST(Limits, AnswersWhatIsTooLargeBeforeReadingIt) {
  TestServer server(SmallLimits());
  ExpectRefused(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413, "limit of 1000");
  ExpectRefused(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, "");
  ExpectRefused(server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413,
                "limit of 1000");
  ExpectRefused(server, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1024, 'x') + "\r\n\r\n", 431, "limit of 1024");
  ExpectRefused(server, "GET /" + std::string(1100, 'x'), 431, "limit of 1024");
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 10; ++i) many += "A: b\r\n";
  ExpectRefused(server, many + "\r\n", 431, "limit of 10");
}

TEST(Limits, LetsAClientThatKeepsSendingReadTheAnswer) {
  TestServer server(SmallLimits());
  TestClient client = server.Connect();
  // Without a lingering close these unread megabytes would turn into a reset that destroys the answer.
  client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
  client.Send(std::string(8'000'000, 'x'));
  EXPECT_EQ(client.Read().status, 413);
  EXPECT_TRUE(client.ReadsEnd());
}

TEST(Limits, RefusesBadHttpWithASentence) {
  TestServer server;
  ExpectRefused(server, "\x16\x03\x01 TLS hello\r\n\r\n", 400, "not valid HTTP");
  ExpectRefused(server, "GET /\r\n\r\n", 400, "not valid HTTP");
  ExpectRefused(server, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "HTTP/1.1");
  ExpectRefused(server, "GET / HTTP/1.1\r\n\r\n", 400, "exactly one Host");
  ExpectRefused(server, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "exactly one Host");
  ExpectRefused(server, "GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", 417, "100-continue");
  ExpectRefused(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "");
  ExpectRefused(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
                "");
  ExpectRefused(server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "chunked");
  ExpectRefused(server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
                "not valid HTTP");
}

TEST(Limits, RefusesTheConnectionThatIsTooMany) {
  HttpServerOptions options;
  options.max_connections = 2;
  TestServer server(options);
  TestClient a = server.Connect();
  TestClient b = server.Connect();
  EXPECT_EQ(a.RoundTrip(Get("/a")).status, 200);
  EXPECT_EQ(b.RoundTrip(Get("/b")).status, 200);
  TestClient c = server.Connect();
  const ClientResponse refused = c.Read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.Header("Retry-After"), "1");
  EXPECT_TRUE(c.ReadsEnd());
  EXPECT_EQ(a.RoundTrip(Get("/a")).status, 200);
}

TEST(Limits, BoundsTheBodiesOfAllConnectionsTogether) {
  HttpServerOptions options;
  options.max_total_body_bytes = 1500;
  TestServer server(options);
  TestClient first = server.Connect();
  ASSERT_TRUE(first.Send(Post("/wait", std::string(1000, 'x'))));
  server.gate->AwaitWaiting(1);
  ExpectRefused(server, Post("/", std::string(1000, 'x')), 503, "try again");
  server.gate->Open();
  EXPECT_EQ(first.Read().status, 200);
  EXPECT_EQ(first.RoundTrip(Post("/", std::string(1000, 'x'))).status, 200);  // the bytes were given back
}

TEST(Timeouts, EndSlowHeadersSlowBodiesAndIdleConnections) {
  HttpServerOptions options;
  options.header_timeout = options.body_timeout = milliseconds(20);
  options.idle_timeout = milliseconds(30);
  TestServer server(options);
  ExpectRefused(server, "GET / HT", 408, "header");
  ExpectRefused(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", 408, "body");
  TestClient idle = server.Connect();
  EXPECT_TRUE(idle.ReadsEnd());
  TestClient used = server.Connect();
  EXPECT_EQ(used.RoundTrip(Get("/")).status, 200);
  EXPECT_TRUE(used.ReadsEnd());
}

TEST(Timeouts, EmptyLinesDoNotKeepAConnectionAlive) {
  HttpServerOptions options;
  options.idle_timeout = milliseconds(30);
  options.linger_timeout = milliseconds(1);
  TestServer server(options);
  TestClient client = server.Connect();
  while (client.Send("\r\n\r\n")) std::this_thread::yield();  // ends only because the server closes
  SUCCEED();
}

TEST(Timeouts, EndAClientThatDoesNotReadItsAnswer) {
  HttpServerOptions options;
  options.write_timeout = milliseconds(20);
  options.min_body_bytes_per_s = 1 << 30;
  TestServer server(options);
  TestClient client = server.Connect();
  std::string all;
  for (int i = 0; i < 16; ++i) all += Get("/big");
  ASSERT_TRUE(client.Send(all));
  while (server.server->stats().open > 0 || server.server->stats().accepted == 0) std::this_thread::yield();
}

TEST(Disconnect, CancelsTheHandlerOfThatConnectionAlone) {
  TestServer server;
  TestClient stays = server.Connect();
  ASSERT_TRUE(stays.Send(Get("/wait")));
  TestClient leaves = server.Connect();
  ASSERT_TRUE(leaves.Send(Get("/wait")));
  TestClient resets = server.Connect();
  ASSERT_TRUE(resets.Send(Get("/wait") + Get("/pipelined")));
  server.gate->AwaitWaiting(3);
  leaves.Close();
  server.gate->AwaitCancelled(1);
  resets.Reset();
  server.gate->AwaitCancelled(2);
  server.gate->Open();
  EXPECT_EQ(stays.Read().status, 200);
  EXPECT_EQ(server.gate->cancelled(), 2);
  EXPECT_EQ(server.server->stats().failed, 0u);  // a cancellation is no failure
}

TEST(Disconnect, CancelsWithinMilliseconds) {
  TestServer server;
  std::chrono::steady_clock::duration best = std::chrono::hours(1);
  for (int i = 1; i <= 5; ++i) {
    TestClient client = server.Connect();
    ASSERT_TRUE(client.Send(Get("/wait")));
    server.gate->AwaitWaiting(i);
    const auto start = std::chrono::steady_clock::now();
    client.Close();
    server.gate->AwaitCancelled(i);
    best = std::min(best, std::chrono::steady_clock::now() - start);
  }
  EXPECT_LT(best, milliseconds(50));  // far above what is seen: the machine may be busy
}

TEST(HalfClose, AnswersARequestThatNeedsNoWaiting) {
  TestServer server;
  TestClient client = server.Connect();
  ASSERT_TRUE(client.Send(Get("/one") + Get("/two")));
  client.CloseSending();
  EXPECT_EQ(client.Read().body, "GET /one ");
  EXPECT_EQ(client.Read().body, "GET /two ");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST(HalfClose, CancelsByDefaultAndNotIfToldSo) {
  TestServer server;
  TestClient client = server.Connect();
  ASSERT_TRUE(client.Send(Get("/wait")));
  client.CloseSending();
  server.gate->AwaitCancelled(1);
  EXPECT_TRUE(client.ReadsEnd());

  HttpServerOptions options;
  options.cancel_on_half_close = false;
  TestServer patient(options);
  TestClient waits = patient.Connect();
  ASSERT_TRUE(waits.Send(Get("/wait")));
  waits.CloseSending();
  patient.gate->AwaitWaiting(1);
  patient.gate->Open();
  EXPECT_EQ(waits.Read().body, "GET /wait ");
  EXPECT_TRUE(waits.ReadsEnd());
}

TEST(HalfClose, EndsAConnectionInTheMiddleOfARequest) {
  TestServer server;
  TestClient client = server.Connect();
  ASSERT_TRUE(client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"));
  client.CloseSending();
  EXPECT_TRUE(client.ReadsEnd());
}

TEST(Accepting, SurvivesRunningOutOfFileDescriptors) {
  TestServer server;
  TestClient before = server.Connect();
  EXPECT_EQ(before.RoundTrip(Get("/")).status, 200);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  TestClient starved = server.Connect();  // one descriptor for the client; the server's own comes from the same table
  EXPECT_EQ(starved.RoundTrip(Get("/")).status, 200);
  std::vector<TestClient> clients;
  {
    rlimit few = old;
    few.rlim_cur = 40;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int i = 0; i < 40; ++i) clients.push_back(server.Connect());
    while (server.server->stats().refused == 0) std::this_thread::yield();
    EXPECT_EQ(before.RoundTrip(Get("/during")).status, 200);
  }
  clients.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  TestClient after = server.Connect();
  EXPECT_EQ(after.RoundTrip(Get("/after")).status, 200);
}

}  // namespace
}  // namespace strata::net
