// Stop: nothing that has begun is dropped, nothing waits longer than it must, and the limit holds.

#include <gtest/gtest.h>

#include <thread>

#include "systems/net/test_server.h"

namespace strata::net {
namespace {

using std::chrono::milliseconds;

TEST(Drain, AnswersWhatIsInFlightAndClosesWhatIsIdle) {
  TestServer server;
  TestClient idle = server.Connect();
  EXPECT_EQ(idle.RoundTrip(Get("/idle")).status, 200);
  std::vector<TestClient> busy;
  for (int i = 0; i < 8; ++i) {
    busy.push_back(server.Connect());
    ASSERT_TRUE(busy.back().Send(Get("/wait")));
  }
  TestClient uploading = server.Connect();
  ASSERT_TRUE(uploading.Send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc"));
  server.gate->AwaitWaiting(8);
  auto report = server.Stop();
  EXPECT_TRUE(idle.ReadsEnd());
  EXPECT_EQ(server.Connect().RoundTrip(Get("/late")).status, 0);  // nobody listens any more
  EXPECT_EQ(uploading.RoundTrip("def").body, "POST /up abcdef");
  server.gate->Open();
  for (TestClient& client : busy) {
    const ClientResponse response = client.Read();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.Header("Connection"), "close");
    EXPECT_TRUE(client.ReadsEnd());
    client.Close();
  }
  uploading.Close();
  const DrainReport done = report.get();
  EXPECT_EQ(done.finished, 9u);
  EXPECT_EQ(done.dropped, 0u);
  EXPECT_EQ(done.connections_closed, 10u);
  EXPECT_EQ(server.server->stats().open, 0u);
}

TEST(Drain, AnswersEveryRequestThatWasPipelined) {
  TestServer server;
  TestClient client = server.Connect();
  ASSERT_TRUE(client.Send(Get("/wait") + Get("/1") + Get("/2")));
  server.gate->AwaitWaiting(1);
  auto report = server.Stop();
  server.gate->Open();
  EXPECT_EQ(client.Read().Header("Connection"), "");
  EXPECT_EQ(client.Read().body, "GET /1 ");
  const ClientResponse last = client.Read();
  EXPECT_EQ(last.body, "GET /2 ");
  EXPECT_EQ(last.Header("Connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
  client.Close();
  EXPECT_EQ(report.get().finished, 3u);
}

TEST(Drain, CutsWhatIsLeftAtTheLimitAndCountsIt) {
  HttpServerOptions options;
  options.drain_limit = milliseconds(30);
  options.num_io_threads = 2;
  TestServer server(options);
  TestClient a = server.Connect();
  TestClient b = server.Connect();
  TestClient half = server.Connect();
  ASSERT_TRUE(a.Send(Get("/wait")) && b.Send(Get("/wait")) && half.Send("GET / HT"));
  server.gate->AwaitWaiting(2);
  // The third is certain to have been read once a later connection on each thread was served.
  for (int i = 0; i < 4; ++i) EXPECT_EQ(server.Connect().RoundTrip(Get("/")).status, 200);
  const DrainReport report = server.Stop().get();
  server.gate->AwaitCancelled(2);
  EXPECT_EQ(report.dropped, 3u);
  EXPECT_GE(report.took, milliseconds(30));
  EXPECT_EQ(a.Read().status, 0);
  EXPECT_EQ(server.server->stats().open, 0u);
}

TEST(Drain, DropsNothingUnderLoadFromManyClients) {
  HttpServerOptions options;
  options.num_io_threads = 2;
  TestServer server(options);
  std::atomic<int> answered{0};
  std::atomic<int> cut{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      TestClient client = server.Connect();
      for (;;) {
        if (!client.Send(Post("/load", "0123456789"))) break;
        const ClientResponse response = client.Read();
        // An idle connection may be closed as the request is sent: no byte of an answer, safe to send again.
        if (response.status == 0) break;
        if (response.body != "POST /load 0123456789") ++cut;
        ++answered;
        if (response.Header("Connection") == "close") break;
      }
    });
  }
  while (answered < 200) std::this_thread::yield();
  const DrainReport report = server.Stop().get();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(report.dropped, 0u);
  EXPECT_EQ(cut, 0);
  EXPECT_EQ(static_cast<uint64_t>(answered), server.server->stats().requests);  // every handler's answer arrived
}

TEST(Drain, AnswersTheFirstRequestOfAConnectionThatHasJustOpened) {
  HttpServerOptions options;
  options.first_request_grace = milliseconds(60'000);  // the test's own pace does not matter
  TestServer server(options);
  TestClient idle = server.Connect();
  EXPECT_EQ(idle.RoundTrip(Get("/idle")).status, 200);
  TestClient opened = server.Connect();
  auto report = server.Stop();
  EXPECT_TRUE(idle.ReadsEnd());  // the drain has gone over the connections
  const ClientResponse response = opened.RoundTrip(Get("/first"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("Connection"), "close");
  opened.Close();
  EXPECT_EQ(report.get().dropped, 0u);
}

TEST(Drain, EndsAtOnceWithoutConnections) {
  TestServer server;
  const DrainReport report = server.Stop().get();
  EXPECT_EQ(report.finished + report.dropped + report.connections_closed, 0u);
}

TEST(Destroying, InTheMiddleOfRequestsLeaksAndCrashesNothing) {
  for (int i = 0; i < 3; ++i) {
    TestServer server;
    TestClient waiting = server.Connect();
    TestClient reading = server.Connect();
    TestClient idle = server.Connect();
    ASSERT_TRUE(waiting.Send(Get("/wait")));
    ASSERT_TRUE(reading.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"));
    server.gate->AwaitWaiting(1);
  }
}

}  // namespace
}  // namespace strata::net
