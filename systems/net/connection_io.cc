// The connection's callbacks: pending read, writes, the lazy timer, and its end.

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "systems/net/connection.h"

namespace strata::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

std::chrono::nanoseconds TimeAtRate(size_t bytes, size_t bytes_per_s) {
  if (bytes_per_s == 0) return std::chrono::nanoseconds::zero();
  return std::chrono::nanoseconds(
      static_cast<int64_t>(1e9 * static_cast<double>(bytes) / static_cast<double>(bytes_per_s)));
}

}  // namespace

asio::awaitable<void> Connection::WaitForInput() {
  // Not itself a coroutine: async_initiate's is the only frame. The waiter is called by Wake, on this thread.
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [this](Waiter waiter) {
        waiter_.emplace(std::move(waiter));
        ArmRead();
      },
      asio::use_awaitable);
}

void Connection::Wake() {
  if (!waiter_) return;
  Waiter waiter = std::move(*waiter_);
  waiter_.reset();
  std::move(waiter)();
}

void Connection::ArmRead() {
  if (read_armed_ || read_posted_ || eof_) return;
  // Posted, not begun here: Asio tries a read at once, and straight after an answer that finds nothing and costs a
  // system call; a turn of the loop later, on a busy server, the next request is often there.
  read_posted_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->read_posted_ = false;
    self->StartRead();
  });
}

void Connection::StartRead() {
  if (eof_ || phase_ == Phase::kClosed) return;
  if (in_.full() || (phase_ == Phase::kHandling && in_.view().size() >= options().max_pipelined_bytes)) return;
  read_armed_ = true;
  const std::span<char> room = in_.Prepare();
  socket_.async_read_some(asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](const error_code& ec, size_t n) { self->OnRead(ec, n); });
}

void Connection::OnRead(const error_code& ec, size_t n) {
  read_armed_ = false;
  if (ec) {
    eof_ = true;
    broken_ = broken_ || ec != asio::error::eof;
  } else {
    in_.Commit(n);
  }
  if (phase_ == Phase::kHandling) {
    CancelHandlerIfClientLeft();
  } else {
    Wake();
  }
  ArmRead();
}

void Connection::CancelHandlerIfClientLeft() {
  if (phase_ != Phase::kHandling || handler_cancelled_ || !eof_) return;
  if (!broken_ && !options().cancel_on_half_close) return;
  handler_cancelled_ = true;
  cancel_.emit(asio::cancellation_type::all);
}

asio::awaitable<bool> Connection::WriteAll(std::string_view head, std::string_view body) {
  std::array<asio::const_buffer, 2> buffers{asio::const_buffer(head.data(), head.size()),
                                            asio::const_buffer(body.data(), body.size())};
  // Nearly every answer fits the socket's buffer: a direct write saves a turn of the loop.
  error_code ec;
  const size_t sent = body.empty() ? socket_.write_some(buffers[0], ec) : socket_.write_some(buffers, ec);
  if (!ec && sent == head.size() + body.size()) co_return true;
  if (ec && ec != asio::error::would_block && ec != asio::error::try_again) {
    broken_ = true;
    co_return false;
  }
  const size_t of_head = std::min(sent, head.size());
  buffers[0] += of_head;
  buffers[1] += sent - of_head;
  const size_t left = asio::buffer_size(buffers);
  const Phase phase = std::exchange(phase_, Phase::kWriting);
  SetDeadline(Clock::now() + options().write_timeout + TimeAtRate(left, options().min_body_bytes_per_s));
  const auto [write_ec, n] = co_await asio::async_write(socket_, buffers, asio::as_tuple(asio::use_awaitable));
  phase_ = phase;
  SetDeadline(Clock::time_point::max());
  if (write_ec) broken_ = true;
  co_return !write_ec;
}

// A client that has just connected is about to send: a drain that closed on it would lose its request.
bool Connection::JustOpened() const {
  return fresh_ && !eof_ && Clock::now() < phase_start_ + options().first_request_grace;
}

void Connection::SetReadDeadline() {
  Clock::duration limit = options().idle_timeout;
  if (draining_ && fresh_) limit = std::min<Clock::duration>(limit, options().first_request_grace);
  if (phase_ == Phase::kHeader) limit = options().header_timeout;
  if (phase_ == Phase::kBody) {
    limit = options().body_timeout + TimeAtRate(parser_.body_bytes(), options().min_body_bytes_per_s);
  }
  SetDeadline(phase_start_ + limit);
}

void Connection::SetDeadline(Clock::time_point deadline) {
  deadline_ = deadline;
  timed_out_ = false;
  if (deadline_ < timer_armed_for_) ArmTimer();
}

void Connection::ArmTimer() {
  timer_armed_for_ = deadline_;
  timer_.expires_at(deadline_);  // cancels the wait for a later time, if there is one
  timer_.async_wait([self = shared_from_this()](const error_code& ec) {
    if (!ec) self->OnTimer();
  });
}

void Connection::OnTimer() {
  timer_armed_for_ = Clock::time_point::max();
  if (phase_ == Phase::kClosed || deadline_ == Clock::time_point::max()) return;
  if (Clock::now() < deadline_) return ArmTimer();
  deadline_ = Clock::time_point::max();
  timed_out_ = true;
  if (phase_ == Phase::kWriting) {
    error_code ec;
    socket_.close(ec);  // ends the write
  }
  Wake();
}

void Connection::Drain() {
  draining_ = true;
  if (phase_ == Phase::kIdle && waiter_ && NothingToRead()) Wake();
}

bool Connection::ForceClose() {
  if (phase_ == Phase::kClosed) return false;
  const bool cut =
      phase_ == Phase::kHeader || phase_ == Phase::kBody || phase_ == Phase::kHandling || phase_ == Phase::kWriting;
  eof_ = true;
  broken_ = true;
  error_code ec;
  socket_.close(ec);
  CancelHandlerIfClientLeft();
  Wake();
  return cut;
}

void Connection::Abandon() {
  Close();
  // Destroying the waiter destroys the coroutine, which holds this connection: only the caller's reference keeps us.
  std::optional<Waiter> waiter = std::move(waiter_);
  waiter_.reset();
}

void Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  ReleaseBody();
  error_code ec;
  socket_.close(ec);
  timer_.cancel();
  if (on_closed_) on_closed_(this);
}

}  // namespace strata::net
