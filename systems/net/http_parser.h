// Bytes to one HttpRequest: Beast's HTTP/1 parser with Strata's limits, behind a header free of Beast.
//
// For: the connection and the fuzz target, which share every check made here. Not for: responses.
// Beyond Beast it limits the whole header (Beast limits one parse call), the number of fields and the bytes of chunk
// extensions; refuses what lets a proxy and this server disagree about where a request ends (a Transfer-Encoding that
// is not plain "chunked", any in HTTP/1.0, HTTP/1.1 without exactly one Host); and skips empty lines before a request.
//
//   RequestParser parser(limits);
//   buffer.Consume(parser.Feed(buffer.view()));
//   if (parser.error() != nullptr) ... else if (parser.done()) handler(std::move(parser.request()));

#ifndef SYSTEMS_NET_HTTP_PARSER_H_
#define SYSTEMS_NET_HTTP_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "systems/net/http_message.h"

namespace strata::net {

struct RequestLimits {
  size_t max_header_bytes = 16 * 1024;       // request line and fields
  size_t max_header_fields = 100;            // each costs a lookup entry
  size_t max_body_bytes = 64 * 1024 * 1024;  // after de-chunking
};

class RequestParser {
 public:
  struct Error {
    int status;  // 400, 413, 417, 431, 501 or 505
    std::string message;
  };

  explicit RequestParser(const RequestLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Forgets the request and is ready for the connection's next one.
  void Reset();

  // Takes as many bytes as it can use and returns how many. It stops after the header, so that the caller sees it,
  // and after the request; it keeps lines that are not complete (they must be offered again, with more).
  // REQUIRES: !done() and no error().
  size_t Feed(std::string_view bytes);

  // True once any byte of a request was taken or offered (empty lines before it do not count).
  bool started() const;
  bool header_done() const;
  bool done() const;
  // Null while all is well. An error is final until Reset.
  const Error* error() const;

  // What was parsed so far; whole when done(). Move it out.
  HttpRequest& request();
  size_t body_bytes() const;
  // REQUIRES: header_done().
  bool keep_alive() const;
  bool expects_continue() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::net

#endif  // SYSTEMS_NET_HTTP_PARSER_H_
