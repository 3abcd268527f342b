#include "systems/net/listener.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace strata::net {
namespace {

constexpr std::chrono::milliseconds kRetryAfterNoDescriptor{20};

absl::Status ErrnoStatus(const std::string& what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno), "."));
}

int OpenSpare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

std::string RemoteText(const sockaddr_storage& from) {
  std::array<char, INET6_ADDRSTRLEN> text;
  if (from.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&from);
    inet_ntop(AF_INET, &in->sin_addr, text.data(), text.size());
    return absl::StrCat(text.data(), ":", ntohs(in->sin_port));
  }
  if (from.ss_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&from);
    inet_ntop(AF_INET6, &in6->sin6_addr, text.data(), text.size());
    return absl::StrCat("[", text.data(), "]:", ntohs(in6->sin6_port));
  }
  return "unix";
}

absl::StatusOr<UniqueFd> BindAndListen(int family, const sockaddr* address, socklen_t length, int backlog,
                                       const std::string& name) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus("Cannot make a socket for " + name);
  const int one = 1;
  if (family != AF_UNIX) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (::bind(fd.get(), address, length) != 0) return ErrnoStatus("Cannot bind to " + name);
  if (::listen(fd.get(), backlog) != 0) return ErrnoStatus("Cannot listen on " + name);
  return fd;
}

// True if the path is a socket that refuses connections: its server died without removing it.
bool IsStaleSocket(const sockaddr_un& address) {
  struct stat info;
  if (::lstat(address.sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Tcp(boost::asio::io_context& context, const std::string& address,
                                                        uint16_t port, int backlog) {
  const std::string name = absl::StrCat(address, " port ", port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0 || found == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("The address \"", address, "\" is not a numeric IPv4 or IPv6 one."));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  absl::StatusOr<UniqueFd> fd = BindAndListen(found->ai_family, found->ai_addr, found->ai_addrlen, backlog, name);
  if (!fd.ok()) return fd.status();
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (::getsockname(fd->get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
    return ErrnoStatus("Cannot read the port of " + name);
  }
  const uint16_t real_port = ntohs(found->ai_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&bound)->sin_port
                                                               : reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
  return std::unique_ptr<Listener>(new Listener(context, std::move(*fd), found->ai_family, real_port, ""));
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Unix(boost::asio::io_context& context, const std::string& path,
                                                         int backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("The Unix socket's path has ", path.size(), " bytes; at most ",
                                                   sizeof(address.sun_path) - 1, " are possible."));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (IsStaleSocket(address)) ::unlink(path.c_str());
  absl::StatusOr<UniqueFd> fd =
      BindAndListen(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address), backlog, path);
  if (!fd.ok()) return fd.status();
  return std::unique_ptr<Listener>(new Listener(context, std::move(*fd), AF_UNIX, 0, path));
}

Listener::Listener(boost::asio::io_context& context, UniqueFd fd, int family, uint16_t port, std::string unix_path)
    : socket_(context.get_executor(), fd.Release()),
      retry_(context.get_executor()),
      family_(family),
      port_(port),
      unix_path_(std::move(unix_path)),
      spare_(OpenSpare()) {}

Listener::~Listener() {
  if (!unix_path_.empty() && socket_.is_open()) ::unlink(unix_path_.c_str());
}

void Listener::Start(OnAccept on_accept, OnError on_error) {
  on_accept_ = std::move(on_accept);
  on_error_ = std::move(on_error);
  Wait();
}

void Listener::Stop() {
  if (!socket_.is_open()) return;
  AcceptAll();
  retry_.cancel();
  boost::system::error_code ec;
  socket_.close(ec);
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

void Listener::Wait() {
  socket_.async_wait(socket_.wait_read, [this](const boost::system::error_code& ec) {
    if (ec || !socket_.is_open()) return;
    if (AcceptAll()) return Wait();
    retry_.expires_after(kRetryAfterNoDescriptor);
    retry_.async_wait([this](const boost::system::error_code& timer_ec) {
      if (!timer_ec && socket_.is_open()) Wait();
    });
  });
}

bool Listener::AcceptAll() {
  for (;;) {
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    UniqueFd fd(
        ::accept4(socket_.native_handle(), reinterpret_cast<sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      const int one = 1;
      if (family_ != AF_UNIX) {
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));  // answers are whole: never wait for more
      } else {
        from.ss_family = AF_UNIX;
      }
      on_accept_({std::move(fd), family_, RemoteText(from)});
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      ShedOne(errno);
      return false;
    }
    // Anything else (ECONNABORTED, EPERM, a network error of the new connection) concerns that client alone.
    if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) return true;
  }
}

void Listener::ShedOne(int accept_errno) {
  // A client that waits in a backlog nobody empties hangs; one that is closed knows at once. Needs one descriptor.
  if (accept_errno == EMFILE || accept_errno == ENFILE) {
    spare_ = UniqueFd();
    {
      const UniqueFd dropped(::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    }
    spare_ = UniqueFd(OpenSpare());
  }
  if (on_error_) on_error_(absl::StrCat("Cannot accept a connection: ", std::strerror(accept_errno), "."));
}

}  // namespace strata::net
