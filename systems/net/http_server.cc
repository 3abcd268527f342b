#include "systems/net/http_server.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "systems/net/connection.h"
#include "systems/net/io_worker.h"
#include "systems/net/listener.h"

namespace strata::net {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// Once all were told to stop, a handler gets this long to notice before Stop reports without it.
constexpr std::chrono::milliseconds kForceGrace{500};

class HttpServerImpl : public HttpServer {
 public:
  HttpServerImpl(HttpServerOptions options, Handler handler, HttpServerHooks hooks) {
    shared_.options = std::move(options);
    shared_.handler = std::move(handler);
    shared_.hooks = std::move(hooks);
    const int n = shared_.options.num_io_threads;
    for (int i = 0; i < n; ++i) workers_.push_back(std::make_unique<IoWorker>(&shared_, i, n));
    timer_ = std::make_unique<Timer>(workers_[0]->context().get_executor());
  }

  ~HttpServerImpl() override {
    for (auto& worker : workers_) worker->Halt();
  }

  absl::Status Listen();
  void Start() override;
  void Stop(std::function<void(const DrainReport&)> done) override;
  uint16_t port() const override { return port_; }
  HttpServerStats stats() const override;
  asio::any_io_executor executor(int index) override { return workers_[index]->context().get_executor(); }

 private:
  using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, asio::io_context::executor_type>;

  // All of these run on worker 0's thread.
  void OnAccept(Accepted accepted);
  void BeginDrain(std::function<void(const DrainReport&)> done);
  void OnDrainLimit();
  void OnWorkerEmpty();
  void FinishDrain();

  ServerShared shared_;
  std::vector<std::unique_ptr<IoWorker>> workers_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<Timer> timer_;
  uint16_t port_ = 0;
  std::atomic<bool> stop_called_{false};
  size_t num_empty_ = 0;
  Clock::time_point drain_start_;
  std::function<void(const DrainReport&)> drained_;
};

absl::Status HttpServerImpl::Listen() {
  const HttpServerOptions& options = shared_.options;
  asio::io_context& context = workers_[0]->context();
  auto tcp = Listener::Tcp(context, options.address, options.port, options.listen_backlog);
  if (!tcp.ok()) return tcp.status();
  port_ = (*tcp)->port();
  listeners_.push_back(*std::move(tcp));
  if (options.unix_path.empty()) return absl::OkStatus();
  auto local = Listener::Unix(context, options.unix_path, options.listen_backlog);
  if (!local.ok()) return local.status();
  listeners_.push_back(*std::move(local));
  return absl::OkStatus();
}

void HttpServerImpl::Start() {
  for (auto& listener : listeners_) {
    listener->Start([this](Accepted accepted) { OnAccept(std::move(accepted)); },
                    [this](const std::string& message) {
                      shared_.refused.fetch_add(1, std::memory_order_relaxed);
                      if (shared_.hooks.on_error) shared_.hooks.on_error(message);
                    });
  }
  for (auto& worker : workers_) worker->Start();
}

void HttpServerImpl::OnAccept(Accepted accepted) {
  shared_.accepted.fetch_add(1, std::memory_order_relaxed);
  const size_t open = shared_.open.load(std::memory_order_relaxed);
  const size_t limit = shared_.options.max_connections;
  const bool refuse = open >= limit;
  if (refuse) shared_.refused.fetch_add(1, std::memory_order_relaxed);
  // Telling a client 503 costs a connection for a moment: beyond an eighth more, the descriptor is just closed.
  if (open >= limit + limit / 8 + 8) return;
  auto least = std::min_element(workers_.begin(), workers_.end(),
                                [](const auto& a, const auto& b) { return a->open() < b->open(); });
  (*least)->Adopt(std::move(accepted), refuse);
}

void HttpServerImpl::Stop(std::function<void(const DrainReport&)> done) {
  if (stop_called_.exchange(true)) return;
  asio::post(workers_[0]->context(), [this, done = std::move(done)]() mutable { BeginDrain(std::move(done)); });
}

void HttpServerImpl::BeginDrain(std::function<void(const DrainReport&)> done) {
  drain_start_ = Clock::now();
  drained_ = std::move(done);
  // The last accepts are posted to the workers before Drain is, from this one thread: they arrive in this order.
  for (auto& listener : listeners_) listener->Stop();
  timer_->expires_after(shared_.options.drain_limit);
  timer_->async_wait([this](const boost::system::error_code& ec) {
    if (!ec) OnDrainLimit();
  });
  for (auto& worker : workers_) {
    worker->Drain([this] { asio::post(workers_[0]->context(), [this] { OnWorkerEmpty(); }); });
  }
}

void HttpServerImpl::OnDrainLimit() {
  for (auto& worker : workers_) worker->ForceClose([] {});
  timer_->expires_after(kForceGrace);
  timer_->async_wait([this](const boost::system::error_code& ec) {
    if (!ec) FinishDrain();
  });
}

void HttpServerImpl::OnWorkerEmpty() {
  if (++num_empty_ == workers_.size()) FinishDrain();
}

void HttpServerImpl::FinishDrain() {
  if (!drained_) return;
  timer_->cancel();
  DrainReport report;
  for (const auto& worker : workers_) {
    const IoWorker::Drained drained = worker->drained();
    report.finished += drained.finished;
    report.dropped += drained.dropped;
    report.connections_closed += drained.connections;
  }
  report.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - drain_start_);
  std::exchange(drained_, nullptr)(report);
}

HttpServerStats HttpServerImpl::stats() const {
  HttpServerStats stats;
  stats.accepted = shared_.accepted.load(std::memory_order_relaxed);
  stats.refused = shared_.refused.load(std::memory_order_relaxed);
  stats.open = shared_.open.load(std::memory_order_relaxed);
  for (const auto& worker : workers_) {
    const WorkerShared& s = worker->shared();
    stats.requests += s.requests.load(std::memory_order_relaxed);
    stats.cancelled += s.cancelled.load(std::memory_order_relaxed);
    stats.failed += s.failed.load(std::memory_order_relaxed);
    stats.limited += s.limited.load(std::memory_order_relaxed);
  }
  return stats;
}

absl::Status Validate(const HttpServerOptions& o) {
  using std::chrono::milliseconds;
  if (o.num_io_threads < 1 || o.num_io_threads > 1024) {
    return absl::InvalidArgumentError(absl::StrCat("num_io_threads is ", o.num_io_threads, "; wanted is 1 to 1024."));
  }
  constexpr size_t kMostHeader = size_t{1} << 30;
  if (o.max_header_bytes < 64 || o.max_header_bytes > kMostHeader || o.max_pipelined_bytes > kMostHeader) {
    return absl::InvalidArgumentError(absl::StrCat("max_header_bytes is ", o.max_header_bytes,
                                                   " and max_pipelined_bytes ", o.max_pipelined_bytes,
                                                   "; wanted are 64 bytes to 1 GiB and at most 1 GiB."));
  }
  if (o.max_connections < 1) return absl::InvalidArgumentError("max_connections is 0; wanted is at least 1.");
  constexpr milliseconds kLongest = std::chrono::hours(24 * 365);
  for (const milliseconds t :
       {o.idle_timeout, o.header_timeout, o.body_timeout, o.write_timeout, o.linger_timeout, o.drain_limit}) {
    if (t < milliseconds(0) || t > kLongest) {
      return absl::InvalidArgumentError(absl::StrCat("A timeout is ", t.count(), " ms; wanted is 0 to a year."));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(HttpServerOptions options, Handler handler,
                                                               HttpServerHooks hooks) {
  if (!handler) return absl::InvalidArgumentError("The handler of an HttpServer is empty.");
  if (const absl::Status valid = Validate(options); !valid.ok()) return valid;
  auto server = std::make_unique<HttpServerImpl>(std::move(options), std::move(handler), std::move(hooks));
  if (const absl::Status listening = server->Listen(); !listening.ok()) return listening;
  return server;
}

}  // namespace strata::net
