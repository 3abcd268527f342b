// A listening socket that keeps accepting, whatever happens to the process's file descriptors.
//
// For: HttpServer. Not for: what is done with a connection; the callback gets its descriptor.

#ifndef SYSTEMS_NET_LISTENER_H_
#define SYSTEMS_NET_LISTENER_H_

#include <absl/status/statusor.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace strata::net {

// Owns a file descriptor.
class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// One accepted connection: non-blocking, closed on exec.
struct Accepted {
  UniqueFd fd;
  int family;          // AF_INET, AF_INET6 or AF_UNIX
  std::string remote;  // as in HttpRequest
};

class Listener {
 public:
  using OnAccept = std::function<void(Accepted)>;
  using OnError = std::function<void(const std::string&)>;

  static absl::StatusOr<std::unique_ptr<Listener>> Tcp(boost::asio::io_context& context, const std::string& address,
                                                       uint16_t port, int backlog);
  // Replaces a socket file that nobody listens on; removes its own at the end.
  static absl::StatusOr<std::unique_ptr<Listener>> Unix(boost::asio::io_context& context, const std::string& path,
                                                        int backlog);
  ~Listener();

  // REQUIRES for all that follow: called on the context's thread, or before it runs.
  void Start(OnAccept on_accept, OnError on_error);
  // Accepts what the kernel holds already (those clients believe they are connected), then closes.
  void Stop();

  uint16_t port() const { return port_; }

 private:
  using Executor = boost::asio::io_context::executor_type;
  Listener(boost::asio::io_context& context, UniqueFd fd, int family, uint16_t port, std::string unix_path);

  void Wait();
  // False: out of descriptors; try again later.
  bool AcceptAll();
  void ShedOne(int accept_errno);

  boost::asio::posix::basic_stream_descriptor<Executor> socket_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                    Executor>
      retry_;
  const int family_;
  const uint16_t port_;
  const std::string unix_path_;
  UniqueFd spare_;  // given up for a moment when there is no other, to accept and close one client
  OnAccept on_accept_;
  OnError on_error_;
};

}  // namespace strata::net

#endif  // SYSTEMS_NET_LISTENER_H_
