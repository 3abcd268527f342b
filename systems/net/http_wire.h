// The bytes of a response's head.
//
// For: the connection. Not for: handlers, which return an HttpResponse and never see bytes.

#ifndef SYSTEMS_NET_HTTP_WIRE_H_
#define SYSTEMS_NET_HTTP_WIRE_H_

#include <ctime>
#include <string>
#include <string_view>

#include "systems/net/http_message.h"

namespace strata::net {

// "Not Found" for 404; "Status" for a code without a known phrase.
std::string_view ReasonPhrase(int status);

// False for 1xx, 204 and 304, which never have a body nor a Content-Length.
bool StatusHasBody(int status);

// "Sun, 06 Nov 1994 08:49:37 GMT", rewritten once a second. Not thread-safe: one per I/O thread.
class DateCache {
 public:
  std::string_view Now(std::time_t now);

 private:
  std::time_t at_ = -1;
  char text_[32] = {};
};

// What of a connection goes into a head.
struct HeadOptions {
  bool keep_alive = true;
  bool http_1_0 = false;  // such a client must be told of keep-alive; others are told only of a close
  std::string_view date;
};

// Appends status line, headers and the empty line. Bytes in header values that would end a line (CR, LF, NUL) become
// spaces: a value that came from a request must not be able to write headers of its own.
void AppendHead(const HttpResponse& response, const HeadOptions& options, std::string* out);

}  // namespace strata::net

#endif  // SYSTEMS_NET_HTTP_WIRE_H_
