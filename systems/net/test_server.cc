#include "systems/net/test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace strata::net {

namespace asio = boost::asio;

std::string ClientResponse::Header(std::string_view name) const {
  const std::string start = "\r\n" + std::string(name) + ": ";
  const size_t at = head.find(start);
  if (at == std::string::npos) return "";
  const size_t from = at + start.size();
  return head.substr(from, head.find("\r\n", from) - from);
}

TestClient::TestClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval limit{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Close();
}

TestClient::TestClient(const std::string& unix_path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, unix_path.data(), unix_path.size());
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Close();
}

TestClient::TestClient(TestClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)) {}

TestClient::~TestClient() { Close(); }

void TestClient::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void TestClient::Reset() {
  const linger abort{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  Close();
}

void TestClient::CloseSending() { ::shutdown(fd_, SHUT_WR); }

bool TestClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool TestClient::Fill() {
  std::vector<char> piece(64 * 1024);
  const ssize_t n = ::recv(fd_, piece.data(), piece.size(), 0);
  if (n > 0) received_.append(piece.data(), static_cast<size_t>(n));
  return n > 0;
}

ClientResponse TestClient::Read(bool has_body) {
  size_t end;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return {};
  }
  ClientResponse response;
  response.head = received_.substr(0, end + 2);
  response.status = std::atoi(response.head.c_str() + std::strlen("HTTP/1.1 "));
  received_.erase(0, end + 4);
  const size_t length = has_body ? std::strtoull(response.Header("Content-Length").c_str(), nullptr, 10) : 0;
  while (received_.size() < length) {
    if (!Fill()) return {};
  }
  response.body = received_.substr(0, length);
  received_.erase(0, length);
  return response;
}

bool TestClient::ReadsEnd() {
  char byte;
  return received_.empty() && ::recv(fd_, &byte, 1, 0) == 0;
}

std::string Get(std::string_view target) { return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n\r\n"; }

std::string Post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

struct Gate::Waiting {
  explicit Waiting(const asio::any_io_executor& executor) : timer(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;  // never fires: opened by a cancel on its own thread
  bool opened = false;       // that thread only
};

asio::awaitable<void> Gate::Wait() {
  auto waiting = std::make_shared<Waiting>(co_await asio::this_coro::executor);
  {
    const std::lock_guard lock(mutex_);
    ++num_waited_;
    changed_.notify_all();
    if (open_) co_return;
    waiting_.emplace_back(waiting->timer.get_executor(), waiting);
  }
  try {
    co_await waiting->timer.async_wait(asio::use_awaitable);
  } catch (const boost::system::system_error&) {
    if (waiting->opened) co_return;
    const std::lock_guard lock(mutex_);
    ++num_cancelled_;
    changed_.notify_all();
    throw;
  }
}

void Gate::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  for (auto& [executor, weak] : waiting_) {
    asio::post(executor, [weak = weak] {
      const auto waiting = weak.lock();
      if (!waiting) return;  // cancelled before
      waiting->opened = true;
      waiting->timer.cancel();
    });
  }
  waiting_.clear();
}

void Gate::AwaitWaiting(int n) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return num_waited_ >= n; });
}

void Gate::AwaitCancelled(int n) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return num_cancelled_ >= n; });
}

int Gate::cancelled() {
  const std::lock_guard lock(mutex_);
  return num_cancelled_;
}

namespace {

asio::awaitable<HttpResponse> Answer(std::shared_ptr<Gate> gate, HttpRequest request) {
  HttpResponse response;
  if (request.target == "/throw") throw std::runtime_error("planted failure");
  if (request.target == "/wait") co_await gate->Wait();
  if (request.target == "/big") {
    response.body.assign(4 << 20, 'b');
  } else {
    response.body = request.method + " " + request.target + " " + request.body;
  }
  if (request.headers.Has("X-Echo")) response.headers.Add("X-Echo", request.headers.Get("x-echo"));
  co_return response;
}

}  // namespace

TestServer::TestServer(HttpServerOptions options) {
  options.port = 0;
  HttpServerHooks hooks;
  hooks.on_response = [this](int status) {
    const std::lock_guard lock(mutex);
    statuses.push_back(status);
  };
  hooks.on_error = [this](const std::string& message) {
    const std::lock_guard lock(mutex);
    errors.push_back(message);
  };
  auto created = HttpServer::Create(
      options, [gate = gate](HttpRequest request) { return Answer(gate, std::move(request)); }, hooks);
  if (!created.ok()) {
    std::fprintf(stderr, "%s\n", created.status().ToString().c_str());
    std::abort();
  }
  server = *std::move(created);
  server->Start();
}

TestServer::~TestServer() { server.reset(); }

std::future<DrainReport> TestServer::Stop() {
  auto promise = std::make_shared<std::promise<DrainReport>>();
  server->Stop([promise](const DrainReport& report) { promise->set_value(report); });
  return promise->get_future();
}

}  // namespace strata::net
