// Any bytes, cut into any pieces, through the server's own parser and buffer, as a connection drives them. The first
// byte of the input chooses how it is cut. Checked: limits hold, every call makes progress or asks for more, and the
// requests found do not depend on the cuts.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "systems/net/http_parser.h"
#include "systems/net/http_wire.h"
#include "systems/net/input_buffer.h"

namespace strata::net {
namespace {

constexpr RequestLimits kLimits{.max_header_bytes = 512, .max_header_fields = 8, .max_body_bytes = 256};

void Check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::abort();
}

// All that a handler could see of a connection, in one string.
struct Outcome {
  std::string requests;
  int error_status = 0;
};

void Describe(const RequestParser& parser, HttpRequest& request, Outcome* outcome) {
  Check(request.body.size() <= kLimits.max_body_bytes, "the body's limit");
  Check(request.headers.size() <= kLimits.max_header_fields, "the fields' limit");
  size_t header_bytes = request.method.size() + request.target.size();
  outcome->requests += request.method + " " + request.target + " " + std::to_string(request.version);
  outcome->requests += parser.keep_alive() ? " keep" : " close";
  if (parser.expects_continue()) outcome->requests += " expect";
  HttpResponse echo;
  for (size_t i = 0; i < request.headers.size(); ++i) {
    const auto [name, value] = request.headers[i];
    header_bytes += name.size() + value.size();
    outcome->requests.append("\n").append(name).append(": ").append(value);
    echo.headers.Add(name, value);
    Check(request.headers.Has(name), "a header is found by its name");
  }
  Check(header_bytes <= kLimits.max_header_bytes, "the header's limit");
  std::string head;
  AppendHead(echo, {}, &head);
  Check(head.find("\r\n\r\n") == head.size() - 4, "a head ends where it ends, whatever its values");
  outcome->requests += "\n\n" + request.body + "\n";
}

Outcome Drive(std::string_view input, size_t piece) {
  Outcome outcome;
  RequestParser parser(kLimits);
  InputBuffer buffer(64, 1024);
  while (!input.empty()) {
    const auto room = buffer.Prepare();
    Check(!room.empty(), "a buffer that is not full has room");
    const size_t n = std::min({piece, room.size(), input.size()});
    std::copy_n(input.data(), n, room.data());
    buffer.Commit(n);
    input.remove_prefix(n);
    while (!buffer.empty()) {
      const size_t used = parser.Feed(buffer.view());
      Check(used <= buffer.view().size(), "no more used than given");
      buffer.Consume(used);
      if (parser.error() != nullptr) {
        outcome.error_status = parser.error()->status;
        Check(outcome.error_status >= 400 && !parser.error()->message.empty(), "an error says what it is");
        return outcome;
      }
      if (parser.done()) {
        Describe(parser, parser.request(), &outcome);
        if (!parser.keep_alive()) return outcome;
        parser.Reset();
      } else if (used == 0) {
        break;
      }
    }
    if (buffer.full()) {
      outcome.error_status = 400;
      return outcome;
    }
  }
  return outcome;
}

}  // namespace
}  // namespace strata::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 4096) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const strata::net::Outcome whole = strata::net::Drive(input, 4096);
  const strata::net::Outcome cut = strata::net::Drive(input, 1 + data[0] % 32);
  strata::net::Check(whole.requests == cut.requests, "the same requests, however the bytes are cut");
  // Not compared: errors. Bytes in one piece show an error in an unfinished header that small pieces show at its end.
  return 0;
}
