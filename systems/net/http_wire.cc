#include "systems/net/http_wire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace strata::net {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};

constexpr Phrase kPhrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

void AppendNumber(size_t value, std::string* out) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out->append(digits.data(), end);
}

void AppendSafe(std::string_view text, std::string* out) {
  const size_t start = out->size();
  out->append(text);
  std::replace_if(out->begin() + start, out->end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
}

bool ServerWritesIt(std::string_view name) {
  return EqualsIgnoreCase(name, "content-length") || EqualsIgnoreCase(name, "connection") ||
         EqualsIgnoreCase(name, "transfer-encoding") || EqualsIgnoreCase(name, "date");
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  const auto* it = std::lower_bound(std::begin(kPhrases), std::end(kPhrases), status,
                                    [](const Phrase& p, int s) { return p.status < s; });
  return it != std::end(kPhrases) && it->status == status ? it->text : "Status";
}

bool StatusHasBody(int status) { return status >= 200 && status != 204 && status != 304; }

std::string_view DateCache::Now(std::time_t now) {
  if (now != at_) {
    at_ = now;
    std::tm utc{};
    gmtime_r(&now, &utc);
    // No locale of this program's is ever set, so the names are English.
    std::strftime(text_, sizeof(text_), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  }
  return text_;
}

void AppendHead(const HttpResponse& response, const HeadOptions& options, std::string* out) {
  // A status outside three digits would break the status line: that is a handler's bug, told as one.
  const int status = response.status >= 100 && response.status <= 999 ? response.status : 500;
  out->append("HTTP/1.1 ");
  AppendNumber(static_cast<size_t>(status), out);
  out->push_back(' ');
  out->append(ReasonPhrase(status)).append("\r\n");
  if (!options.date.empty()) out->append("Date: ").append(options.date).append("\r\n");
  for (size_t i = 0; i < response.headers.size(); ++i) {
    const HttpHeaders::Field field = response.headers[i];
    if (field.name.empty() || ServerWritesIt(field.name)) continue;
    AppendSafe(field.name, out);
    out->append(": ");
    AppendSafe(field.value, out);
    out->append("\r\n");
  }
  if (StatusHasBody(status)) {
    out->append("Content-Length: ");
    AppendNumber(response.body.size(), out);
    out->append("\r\n");
  }
  if (!options.keep_alive) {
    out->append("Connection: close\r\n");
  } else if (options.http_1_0) {
    out->append("Connection: keep-alive\r\n");
  }
  out->append("\r\n");
}

}  // namespace strata::net
