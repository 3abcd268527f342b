#include "systems/net/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace strata::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr size_t kFirstBufferBytes = 4 * 1024;   // an idle connection's memory; most requests fit
constexpr size_t kLeastBufferLimit = 64 * 1024;  // large bodies come in pieces of this

size_t BufferLimit(const HttpServerOptions& o) {
  return std::max({o.max_header_bytes, o.max_pipelined_bytes, kLeastBufferLimit});
}

RequestLimits ParserLimits(const HttpServerOptions& o) {
  return {o.max_header_bytes, o.max_header_fields, o.max_body_bytes};
}

}  // namespace

Connection::Connection(WorkerShared* worker, Socket socket, std::string remote, bool refuse,
                       std::function<void(Connection*)> on_closed)
    : worker_(worker),
      socket_(std::move(socket)),
      remote_(std::move(remote)),
      refuse_(refuse),
      on_closed_(std::move(on_closed)),
      in_(kFirstBufferBytes, BufferLimit(worker->server->options)),
      parser_(ParserLimits(worker->server->options)),
      timer_(socket_.get_executor()) {}

void Connection::Start() {
  auto self = shared_from_this();
  asio::co_spawn(socket_.get_executor(), Run(self),
                 asio::bind_cancellation_slot(cancel_.slot(), [self](std::exception_ptr) { self->Close(); }));
}

asio::awaitable<void> Connection::Run(std::shared_ptr<Connection> /*self*/) {
  try {
    if (refuse_) {
      RefuseWith(503, "This server has as many connections as it takes; try again later.");
      refusal_.headers.Add("Retry-After", "1");
      co_await Refuse(std::move(refusal_));
      co_return;
    }
    for (;;) {
      const ReadResult result = co_await ReadRequest();
      if (result == ReadResult::kClosed) co_return;
      if (result == ReadResult::kRefuse) {
        co_await Refuse(std::move(refusal_));
        co_return;
      }
      if (!co_await ServeRequest()) co_return;
    }
  } catch (const std::exception& e) {
    ReportError(std::string("A connection ended with an unexpected error: ") + e.what());
  }
}

bool Connection::Parse(ReadResult* result) {
  // Feed stops after the header, once: the loop takes the body bytes that came with it.
  while (!in_.empty()) {
    const size_t used = parser_.Feed(in_.view());
    in_.Consume(used);
    if (parser_.error() != nullptr) {
      RefuseWith(parser_.error()->status, parser_.error()->message);
      return *result = ReadResult::kRefuse, true;
    }
    const Phase now = parser_.header_done() ? Phase::kBody : parser_.started() ? Phase::kHeader : Phase::kIdle;
    if (now != phase_) {
      phase_ = now;
      phase_start_ = Clock::now();
    }
    if (!AccountBody()) return *result = ReadResult::kRefuse, true;
    if (parser_.done()) return *result = ReadResult::kRequest, true;
    if (used == 0) break;
  }
  if (in_.full()) {  // a line that does not fit the buffer: the header's limit was checked, so it is a chunk's
    RefuseWith(400, "A line of the chunked body is longer than this server reads.");
    return *result = ReadResult::kRefuse, true;
  }
  return false;
}

asio::awaitable<Connection::ReadResult> Connection::ReadRequest() {
  parser_.Reset();
  continue_sent_ = false;
  phase_ = Phase::kIdle;
  phase_start_ = Clock::now();
  for (;;) {
    ReadResult result;
    if (Parse(&result)) co_return result;
    if (eof_) co_return ReadResult::kClosed;
    if (phase_ == Phase::kIdle && draining_ && NothingToRead() && !JustOpened()) co_return ReadResult::kClosed;
    if (phase_ == Phase::kBody && parser_.expects_continue() && !continue_sent_) {
      continue_sent_ = true;
      if (parser_.body_bytes() == 0 && in_.empty()) {
        if (!co_await WriteAll("HTTP/1.1 100 Continue\r\n\r\n", {})) co_return ReadResult::kClosed;
      }
    }
    SetReadDeadline();
    co_await WaitForInput();
    if (!timed_out_) continue;
    if (phase_ == Phase::kIdle) co_return ReadResult::kClosed;
    RefuseWith(408, phase_ == Phase::kHeader ? "The request's header did not arrive in time."
                                             : "The request's body arrived too slowly.");
    co_return ReadResult::kRefuse;
  }
}

asio::awaitable<bool> Connection::ServeRequest() {
  fresh_ = false;
  const bool head_only = parser_.request().method == "HEAD";
  std::optional<HttpResponse> response = co_await RunHandler();
  ReleaseBody();
  if (!response || broken_) {
    if (worker_->server->hooks.on_response) worker_->server->hooks.on_response(499);
    co_return false;
  }
  // While draining, requests that are here already are still answered; the last of them says "close".
  const bool last = eof_ ? in_.empty() : draining_ && NothingToRead();
  const bool keep_alive = parser_.keep_alive() && !response->close && !last;
  if (!co_await WriteResponse(*response, keep_alive, head_only)) co_return false;
  if (!keep_alive) co_await Linger();
  co_return keep_alive;
}

asio::awaitable<std::optional<HttpResponse>> Connection::RunHandler() {
  HttpRequest request = std::move(parser_.request());
  request.remote = remote_;
  request.id = worker_->next_request_id += worker_->request_id_step;
  const uint64_t id = request.id;
  worker_->requests.fetch_add(1, std::memory_order_relaxed);
  handler_cancelled_ = false;
  phase_ = Phase::kHandling;
  SetDeadline(Clock::time_point::max());
  ArmRead();
  // The client may be gone already. Posted: a handler that answers without waiting still answers a half-closed client.
  if (eof_) asio::post(socket_.get_executor(), [self = shared_from_this()] { self->CancelHandlerIfClientLeft(); });

  std::optional<HttpResponse> response;
  std::string failure;
  try {
    response = co_await worker_->server->handler(std::move(request));
  } catch (const std::exception& e) {
    failure = e.what();
  } catch (...) {
    failure = "an exception that is no std::exception";
  }
  phase_ = Phase::kWriting;
  if (handler_cancelled_) worker_->cancelled.fetch_add(1, std::memory_order_relaxed);
  // A cancelled coroutine throws at its next await, and a handler may have changed what can be cancelled: start afresh.
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  if (!response && !handler_cancelled_) {
    worker_->failed.fetch_add(1, std::memory_order_relaxed);
    ReportError("Request " + RequestIdText(id) + " failed: " + failure);
    response =
        ErrorResponse(500, "Internal error; the server's log has it under request id " + RequestIdText(id) + ".");
  }
  co_return response;
}

asio::awaitable<void> Connection::Refuse(HttpResponse response) {
  ReleaseBody();
  worker_->limited.fetch_add(1, std::memory_order_relaxed);
  const bool head_only = parser_.request().method == "HEAD";
  if (co_await WriteResponse(response, /*keep_alive=*/false, head_only)) co_await Linger();
}

asio::awaitable<bool> Connection::WriteResponse(const HttpResponse& response, bool keep_alive, bool head_only) {
  constexpr size_t kCopiedBodyBytes = 16 * 1024;  // a small body is cheaper to copy than to gather
  const HeadOptions head{keep_alive, parser_.request().version == 10, worker_->date.Now(std::time(nullptr))};
  out_.clear();
  AppendHead(response, head, &out_);
  std::string_view body;
  if (!head_only && StatusHasBody(response.status)) body = response.body;
  if (body.size() <= kCopiedBodyBytes) {
    out_.append(body);
    body = {};
  }
  const bool ok = co_await WriteAll(out_, body);
  if (ok) worker_->answered.fetch_add(1, std::memory_order_relaxed);
  if (worker_->server->hooks.on_response) worker_->server->hooks.on_response(ok ? response.status : 499);
  co_return ok;
}

asio::awaitable<void> Connection::Linger() {
  // Closing with unread input would send a reset, which can destroy the answer before the client reads it: so only our
  // half is shut, and what still comes is thrown away until the client closes or its time is up.
  phase_ = Phase::kLingering;
  error_code ec;
  socket_.shutdown(Socket::shutdown_send, ec);
  SetDeadline(Clock::now() + options().linger_timeout);
  while (!eof_ && !timed_out_) {
    in_.Consume(in_.view().size());
    co_await WaitForInput();
  }
}

void Connection::RefuseWith(int status, std::string_view message) { refusal_ = ErrorResponse(status, message); }

bool Connection::AccountBody() {
  const size_t now = parser_.body_bytes();
  const size_t more = now - accounted_body_bytes_;
  if (more == 0) return true;
  accounted_body_bytes_ = now;
  const size_t total = worker_->server->body_bytes.fetch_add(more, std::memory_order_relaxed) + more;
  if (total <= options().max_total_body_bytes) return true;
  RefuseWith(503, "This server holds as many request bytes as it takes; try again later.");
  refusal_.headers.Add("Retry-After", "1");
  return false;
}

void Connection::ReleaseBody() {
  if (accounted_body_bytes_ == 0) return;
  worker_->server->body_bytes.fetch_sub(accounted_body_bytes_, std::memory_order_relaxed);
  accounted_body_bytes_ = 0;
}

bool Connection::NothingToRead() {
  error_code ec;
  return in_.empty() && (eof_ || socket_.available(ec) == 0);
}

void Connection::ReportError(std::string message) {
  if (worker_->server->hooks.on_error) worker_->server->hooks.on_error(message);
}

}  // namespace strata::net
