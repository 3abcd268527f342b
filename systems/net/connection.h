// One client's connection: reads requests, runs the handler, writes answers, on one I/O thread.
//
// For: IoWorker. Not for: use from any other thread; every method runs on the connection's io_context.
//
// A read is pending all the time, also while the handler runs: its end is how a disconnect is noticed. Reads and the
// timer are plain callbacks (OnRead, OnTimer) that wake the one coroutine, Run, which decides everything.

#ifndef SYSTEMS_NET_CONNECTION_H_
#define SYSTEMS_NET_CONNECTION_H_

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "systems/net/http_parser.h"
#include "systems/net/http_server.h"
#include "systems/net/http_wire.h"
#include "systems/net/input_buffer.h"

namespace strata::net {

// What all connections of a server share. Immutable but for the atomics.
struct ServerShared {
  HttpServerOptions options;
  Handler handler;
  HttpServerHooks hooks;
  std::atomic<size_t> body_bytes{0};  // held now, against max_total_body_bytes
  std::atomic<size_t> open{0};
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> refused{0};
};

// What the connections of one I/O thread share. Written by that thread alone; the counters are read by others.
struct WorkerShared {
  ServerShared* server = nullptr;
  DateCache date;
  uint64_t next_request_id = 0;
  uint64_t request_id_step = 1;  // so that threads never give the same id
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> answered{0};
  std::atomic<uint64_t> cancelled{0};
  std::atomic<uint64_t> failed{0};
  std::atomic<uint64_t> limited{0};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;
  using Executor = boost::asio::io_context::executor_type;
  using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;

  // `refuse`: one connection too many; it is answered 503 and closed. `on_closed` runs once, last of all.
  Connection(WorkerShared* worker, Socket socket, std::string remote, bool refuse,
             std::function<void(Connection*)> on_closed);

  void Start();
  // Closes now if no request has begun; otherwise after what was received is answered.
  void Drain();
  // Cancels the handler and closes the socket. Returns whether a request was cut.
  bool ForceClose();
  // Destroys the coroutine where it waits. For the end of the io_context, which will run nothing any more.
  void Abandon();

 private:
  enum class Phase { kIdle, kHeader, kBody, kHandling, kWriting, kLingering, kClosed };
  enum class ReadResult { kRequest, kRefuse, kClosed };
  using Waiter =
      boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;  // resumes Run when called

  // shared_ptr: reads and timers that are being cancelled outlive the coroutine by a turn of the loop.
  boost::asio::awaitable<void> Run(std::shared_ptr<Connection> self);
  boost::asio::awaitable<ReadResult> ReadRequest();
  boost::asio::awaitable<bool> ServeRequest();  // false: the connection ends
  boost::asio::awaitable<std::optional<HttpResponse>> RunHandler();
  boost::asio::awaitable<bool> WriteResponse(const HttpResponse& response, bool keep_alive, bool head_only);
  boost::asio::awaitable<bool> WriteAll(std::string_view head, std::string_view body);
  boost::asio::awaitable<void> Refuse(HttpResponse response);
  boost::asio::awaitable<void> Linger();

  // Offers what was read to the parser and moves the phase on. True if ReadRequest has its result in *result.
  bool Parse(ReadResult* result);
  void RefuseWith(int status, std::string_view message);
  bool AccountBody();
  void ReleaseBody();
  bool NothingToRead();

  boost::asio::awaitable<void> WaitForInput();  // returns on bytes, end of input, a deadline, or Drain
  void Wake();
  void ArmRead();  // sees to it that a read is pending soon; where there is no room, WaitForInput asks again
  void StartRead();
  void OnRead(const boost::system::error_code& ec, size_t n);
  void CancelHandlerIfClientLeft();
  bool JustOpened() const;
  void SetReadDeadline();
  void SetDeadline(Clock::time_point deadline);
  void ArmTimer();
  void OnTimer();
  void Close();
  void ReportError(std::string message);

  const HttpServerOptions& options() const { return worker_->server->options; }

  WorkerShared* const worker_;
  Socket socket_;
  const std::string remote_;
  const bool refuse_;
  const std::function<void(Connection*)> on_closed_;

  Phase phase_ = Phase::kIdle;
  Clock::time_point phase_start_;
  bool draining_ = false;
  bool fresh_ = true;    // no request has come yet
  bool eof_ = false;     // no more input will come
  bool broken_ = false;  // reset: no output can go either
  bool read_armed_ = false;
  bool read_posted_ = false;
  bool timed_out_ = false;
  bool continue_sent_ = false;
  bool handler_cancelled_ = false;

  InputBuffer in_;
  RequestParser parser_;
  std::string out_;
  HttpResponse refusal_;
  size_t accounted_body_bytes_ = 0;

  // Timers are lazy: moving the deadline later, as every request does, costs nothing; the timer looks when it fires.
  boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor> timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point timer_armed_for_ = Clock::time_point::max();

  boost::asio::cancellation_signal cancel_;  // must outlive the coroutine, which holds its slot
  std::optional<Waiter> waiter_;
};

}  // namespace strata::net

#endif  // SYSTEMS_NET_CONNECTION_H_
