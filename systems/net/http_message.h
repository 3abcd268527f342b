// HTTP requests and responses as plain values: what a handler gets and gives back.
//
// For: handlers, protocol code and their tests; nothing here knows sockets, Asio or Beast.
// Not for: parsing or writing the wire format (http_parser.h, http_wire.h).
//
//   HttpResponse response;
//   response.headers.Add("Content-Type", "application/json");
//   response.body = R"({"live":true})";

#ifndef SYSTEMS_NET_HTTP_MESSAGE_H_
#define SYSTEMS_NET_HTTP_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::net {

// ASCII case-insensitive comparison, as header names and most header tokens want it.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// Headers in the order they came. All bytes live in one string: a request with ten headers costs two allocations.
// Views are valid until the next Add or Set.
class HttpHeaders {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  void Add(std::string_view name, std::string_view value);
  // Replaces every field of this name by one.
  void Set(std::string_view name, std::string_view value);

  // The first field of this name, whatever its case; nothing if there is none.
  std::optional<std::string_view> Find(std::string_view name) const;
  // Like Find, with `fallback` where there is none.
  std::string_view Get(std::string_view name, std::string_view fallback = {}) const;
  bool Has(std::string_view name) const { return Find(name).has_value(); }
  size_t Count(std::string_view name) const;

  size_t size() const { return entries_.size(); }
  Field operator[](size_t i) const;

 private:
  struct Entry {
    uint32_t offset;
    uint32_t name_length;
    uint32_t value_length;
  };
  std::string bytes_;
  std::vector<Entry> entries_;
};

struct HttpRequest {
  std::string method;   // "GET", as sent: methods are case-sensitive
  std::string target;   // path and query as sent, not decoded
  int version = 11;     // 10 or 11
  HttpHeaders headers;  // trailers of a chunked body are checked and dropped
  std::string body;     // whole and de-chunked: move it out
  std::string remote;   // "127.0.0.1:54321", "[::1]:54321" or "unix"
  uint64_t id = 0;      // unique in this process; an internal error's answer shows it (RequestIdText)
};

struct HttpResponse {
  int status = 200;
  // The server writes Content-Length, Connection and Date itself and ignores them (and Transfer-Encoding) here.
  HttpHeaders headers;
  std::string body;    // not sent for HEAD, 204 and 304
  bool close = false;  // close the connection after this answer
};

// {"error": "<message>"} with its content type. `message` is a plain sentence in UTF-8; control characters are escaped.
HttpResponse ErrorResponse(int status, std::string_view message);

// As shown in answers and logs: 16 hexadecimal digits.
std::string RequestIdText(uint64_t id);

}  // namespace strata::net

#endif  // SYSTEMS_NET_HTTP_MESSAGE_H_
