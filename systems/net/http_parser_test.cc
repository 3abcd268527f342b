#include "systems/net/http_parser.h"

#include <gtest/gtest.h>

#include "systems/net/http_wire.h"
#include "systems/net/input_buffer.h"

namespace strata::net {
namespace {

// Feeds all at once, then again what was left, until the request or an error is there.
void FeedAll(RequestParser& parser, std::string_view bytes) {
  while (!bytes.empty() && !parser.done() && parser.error() == nullptr) {
    const size_t used = parser.Feed(bytes);
    if (used == 0) return;
    bytes.remove_prefix(used);
  }
}

TEST(HttpHeaders, AreFoundWhateverTheirCaseAndKeepTheirOrder) {
  HttpHeaders headers;
  headers.Add("Content-Type", "text/plain");
  headers.Add("X-A", "1");
  headers.Add("x-a", "2");
  EXPECT_EQ(headers.Get("content-TYPE"), "text/plain");
  EXPECT_EQ(headers.Get("X-a"), "1");
  EXPECT_EQ(headers.Count("x-A"), 2u);
  EXPECT_EQ(headers[2].value, "2");
  EXPECT_FALSE(headers.Has("Content"));
  headers.Set("X-A", headers[0].value);  // a value out of the same headers
  EXPECT_EQ(headers.Count("x-a"), 1u);
  EXPECT_EQ(headers.Get("x-a"), "text/plain");
}

TEST(RequestParser, StopsAfterTheHeaderAndAfterTheRequest) {
  RequestParser parser({});
  const std::string bytes = "POST /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabcGET";
  const size_t header = parser.Feed(bytes);
  EXPECT_EQ(header, bytes.size() - 6);
  EXPECT_TRUE(parser.header_done());
  EXPECT_TRUE(parser.expects_continue());
  EXPECT_FALSE(parser.done());
  EXPECT_EQ(parser.Feed(std::string_view(bytes).substr(header)), 3u);
  ASSERT_TRUE(parser.done());
  EXPECT_TRUE(parser.keep_alive());
  EXPECT_EQ(parser.request().method, "POST");
  EXPECT_EQ(parser.request().target, "/p?q");
  EXPECT_EQ(parser.request().body, "abc");
  EXPECT_EQ(parser.request().headers.Get("host"), "h");
}

TEST(RequestParser, LimitsTheWholeHeaderHoweverItArrives) {
  const RequestLimits limits{.max_header_bytes = 100};
  const std::string line = "GET / HTTP/1.1\r\nHost: a\r\n";
  const std::string exact = line + "X: " + std::string(100 - line.size() - 7, 'x') + "\r\n\r\n";
  ASSERT_EQ(exact.size(), 100u);
  RequestParser fits(limits);
  FeedAll(fits, exact);
  EXPECT_TRUE(fits.done());
  RequestParser whole(limits);
  FeedAll(whole, "G" + exact);
  ASSERT_NE(whole.error(), nullptr);
  EXPECT_EQ(whole.error()->status, 431);
  RequestParser slow(limits);
  std::string waiting;
  for (const char c : line + std::string(200, 'X')) {
    waiting.push_back(c);
    waiting.erase(0, slow.Feed(waiting));
    if (slow.error() != nullptr) break;
  }
  ASSERT_NE(slow.error(), nullptr);
  EXPECT_EQ(slow.error()->status, 431);
}

TEST(RequestParser, LimitsTheBytesOfChunkExtensions) {
  RequestParser parser({.max_header_bytes = 200});
  std::string bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 10; ++i) bytes += "1;" + std::string(50, 'e') + "\r\nx\r\n";
  FeedAll(parser, bytes);
  ASSERT_NE(parser.error(), nullptr);
  EXPECT_EQ(parser.error()->status, 431);
}

TEST(RequestParser, TakesAnEmptyChunkedBodyByteByByte) {
  RequestParser parser({});
  std::string waiting;
  for (const char c : std::string("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")) {
    ASSERT_FALSE(parser.done());
    waiting.push_back(c);
    waiting.erase(0, parser.Feed(waiting));
  }
  EXPECT_TRUE(parser.done());
  EXPECT_EQ(waiting, "");
}

TEST(RequestParser, DropsTrailersAndStartsAfresh) {
  RequestParser parser({});
  FeedAll(parser, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nHost: evil\r\n\r\n");
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.request().headers.Count("Host"), 1u);
  parser.Reset();
  EXPECT_FALSE(parser.started());
  FeedAll(parser, "\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.request().target, "/2");
  EXPECT_EQ(parser.request().body, "");
}

TEST(HttpWire, WritesAHeadThatNoValueCanBreakOutOf) {
  HttpResponse response;
  response.status = 404;
  response.body = "12345";
  response.headers.Add("X-Echo", "a\r\nSet-Cookie: b");
  response.headers.Add("content-length", "99");
  response.headers.Add("Connection", "upgrade");
  std::string head;
  DateCache date;
  AppendHead(response, {.keep_alive = false, .date = date.Now(784111777)}, &head);
  EXPECT_EQ(head,
            "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Echo: a  Set-Cookie: b\r\n"
            "Content-Length: 5\r\nConnection: close\r\n\r\n");
  response.status = 204;
  head.clear();
  AppendHead(response, {}, &head);
  EXPECT_EQ(head.find("Content-Length"), std::string::npos);
}

TEST(HttpWire, EscapesAnErrorsSentence) {
  EXPECT_EQ(ErrorResponse(400, "a \"b\" \\ \n").body, "{\"error\":\"a \\\"b\\\" \\\\ \\u000a\"}");
}

TEST(InputBuffer, KeepsAPendingReadsRoomInPlaceWhileBytesAreConsumed) {
  InputBuffer buffer(8, 16);
  auto room = buffer.Prepare();
  ASSERT_EQ(room.size(), 8u);
  std::copy_n("abcd", 4, room.data());
  buffer.Commit(4);
  room = buffer.Prepare();  // a read is pending into this from here on
  buffer.Consume(4);
  std::copy_n("efgh", 4, room.data());
  buffer.Commit(4);
  EXPECT_EQ(buffer.view(), "efgh");
  room = buffer.Prepare();  // that read filled its room: grow
  EXPECT_EQ(room.size(), 12u);
  std::copy_n("ijklmnopqrst", 12, room.data());
  buffer.Commit(12);
  EXPECT_EQ(buffer.view(), "efghijklmnopqrst");
  EXPECT_TRUE(buffer.full());
  EXPECT_TRUE(buffer.Prepare().empty());
}

}  // namespace
}  // namespace strata::net
