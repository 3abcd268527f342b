#include "systems/net/http_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <utility>

namespace strata::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

// Above this a body's string grows as bytes come: a Content-Length alone must not make us allocate.
constexpr size_t kTrustedReserve = 64 * 1024;

std::string_view View(beast::string_view s) { return {s.data(), s.size()}; }

RequestParser::Error LimitError(int status, std::string_view what, size_t limit) {
  return {status, "The request's " + std::string(what) + " is larger than this server's limit of " +
                      std::to_string(limit) + "."};
}

// Beast's callbacks for one request. A check of ours that fails sets `error` and any error code, which stops Beast.
class Callbacks : public http::basic_parser<true> {
 public:
  Callbacks(const RequestLimits& limits, HttpRequest* request) : limits_(limits), request_(request) {
    header_limit(static_cast<std::uint32_t>(std::min<size_t>(limits.max_header_bytes, UINT32_MAX)));
    body_limit(limits.max_body_bytes);
  }

  const std::optional<RequestParser::Error>& refused() const { return refused_; }
  bool expects_continue() const { return expects_continue_; }
  // True where the next byte belongs to a chunk's header or end.
  bool in_chunk_framing() const { return header_complete_ && chunked() && chunk_left_ == 0; }
  void Refuse(RequestParser::Error error, error_code& ec) {
    refused_ = std::move(error);
    ec = http::error::bad_field;
  }

 protected:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int version,
                       error_code&) override {
    request_->method.assign(method.data(), method.size());
    request_->target.assign(target.data(), target.size());
    request_->version = version;
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}

  void on_field_impl(http::field field, beast::string_view name, beast::string_view value, error_code& ec) override {
    if (++num_fields_ > limits_.max_header_fields) {
      return Refuse(LimitError(431, "number of header fields", limits_.max_header_fields), ec);
    }
    if (header_complete_) return;  // a trailer: counted and checked by Beast, then dropped
    if (field == http::field::host) ++num_hosts_;
    if (field == http::field::transfer_encoding) has_transfer_encoding_ = true;
    if (field == http::field::expect) CheckExpect(View(value), ec);
    request_->headers.Add(View(name), View(value));
  }

  void on_header_impl(error_code& ec) override {
    header_complete_ = true;
    if (request_->version == 11 && num_hosts_ != 1) {
      return Refuse({400, "An HTTP/1.1 request must have exactly one Host header; this one has " +
                              std::to_string(num_hosts_) + "."},
                    ec);
    }
    if (!has_transfer_encoding_) return;
    if (request_->version == 10) {
      return Refuse({400, "An HTTP/1.0 request cannot have a Transfer-Encoding."}, ec);
    }
    const std::string_view coding = request_->headers.Get("Transfer-Encoding");
    if (!EqualsIgnoreCase(coding, "chunked")) {
      Refuse({501, "The Transfer-Encoding must be plain \"chunked\"; no other is supported."}, ec);
    }
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) request_->body.reserve(static_cast<size_t>(std::min<std::uint64_t>(*length, kTrustedReserve)));
  }
  std::size_t on_body_impl(beast::string_view bytes, error_code&) override {
    request_->body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view extensions, error_code& ec) override {
    chunk_left_ = size;
    extension_bytes_ += extensions.size();
    if (extension_bytes_ > limits_.max_header_bytes) {
      Refuse(LimitError(431, "total of chunk extensions in bytes", limits_.max_header_bytes), ec);
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, error_code&) override {
    chunk_left_ -= bytes.size();
    request_->body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}

 private:
  void CheckExpect(std::string_view value, error_code& ec) {
    if (request_->version == 10) return;  // RFC 9110: an expectation in HTTP/1.0 is ignored
    if (!EqualsIgnoreCase(value, "100-continue")) {
      return Refuse({417, "The only expectation this server knows is \"100-continue\"."}, ec);
    }
    expects_continue_ = true;
  }

  const RequestLimits& limits_;
  HttpRequest* request_;
  std::optional<RequestParser::Error> refused_;
  size_t num_fields_ = 0;
  size_t num_hosts_ = 0;
  size_t extension_bytes_ = 0;
  std::uint64_t chunk_left_ = 0;
  bool header_complete_ = false;
  bool has_transfer_encoding_ = false;
  bool expects_continue_ = false;
};

}  // namespace

class RequestParser::Impl {
 public:
  explicit Impl(const RequestLimits& limits) : limits(limits) { Reset(); }

  void Reset() {
    request = HttpRequest();
    parser.emplace(limits, &request);
    error.reset();
    header_bytes = 0;
    started = false;
  }

  size_t Feed(std::string_view bytes);
  void Fail(const error_code& ec);

  const RequestLimits limits;
  HttpRequest request;
  std::optional<Callbacks> parser;
  std::optional<Error> error;
  size_t header_bytes = 0;
  bool started = false;
};

size_t RequestParser::Impl::Feed(std::string_view bytes) {
  size_t used = 0;
  if (!started) {
    while (bytes.substr(used, 2) == "\r\n") used += 2;
    if (used == bytes.size() || bytes.substr(used) == "\r") return used;
    started = true;
  }
  while (used < bytes.size() && !parser->is_done()) {
    // Beast asserts five bytes when it looks at a last chunk again; at least "0\r\n\r\n" is still to come there.
    if (parser->in_chunk_framing() && bytes[used] == '0' && bytes.size() - used < 5) break;
    const bool in_header = !parser->is_header_done();
    error_code ec;
    const size_t n = parser->put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
    used += n;
    if (in_header) header_bytes += n;
    const size_t waiting = ec == http::error::need_more && in_header ? bytes.size() - used : 0;
    if (ec && ec != http::error::need_more) {
      Fail(ec);
    } else if (header_bytes + waiting > limits.max_header_bytes) {
      error = LimitError(431, "header in bytes", limits.max_header_bytes);
    }
    if (ec || error || (in_header && parser->is_header_done())) break;
  }
  return used;
}

void RequestParser::Impl::Fail(const error_code& ec) {
  if (parser->refused()) {
    error = *parser->refused();
  } else if (ec == http::error::header_limit) {
    error = LimitError(431, "header in bytes", limits.max_header_bytes);
  } else if (ec == http::error::body_limit) {
    error = LimitError(413, "body in bytes", limits.max_body_bytes);
  } else if (ec == http::error::bad_version) {
    error = Error{505, "The request line must end in HTTP/1.0 or HTTP/1.1."};
  } else {
    error = Error{400, "The request is not valid HTTP/1.1: " + ec.message() + "."};
  }
}

RequestParser::RequestParser(const RequestLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

void RequestParser::Reset() { impl_->Reset(); }
size_t RequestParser::Feed(std::string_view bytes) { return impl_->Feed(bytes); }
bool RequestParser::started() const { return impl_->started; }
bool RequestParser::header_done() const { return impl_->parser->is_header_done(); }
bool RequestParser::done() const { return !impl_->error && impl_->parser->is_done(); }
const RequestParser::Error* RequestParser::error() const { return impl_->error ? &*impl_->error : nullptr; }
HttpRequest& RequestParser::request() { return impl_->request; }
size_t RequestParser::body_bytes() const { return impl_->request.body.size(); }
bool RequestParser::keep_alive() const { return impl_->parser->keep_alive(); }
bool RequestParser::expects_continue() const { return impl_->parser->expects_continue(); }

}  // namespace strata::net
