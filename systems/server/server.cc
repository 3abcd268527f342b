#include "systems/server/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <future>
#include <optional>
#include <utility>

#include "systems/admin/health.h"
#include "systems/admin/logging.h"
#include "systems/admin/metrics.h"
#include "systems/formats/text.h"
#include "systems/models/model_set.h"
#include "systems/server/service.h"

namespace strata::server {
namespace {

namespace asio = boost::asio;

class ServerImpl : public Server {
 public:
  explicit ServerImpl(const ServerOptions& options) : options_(options) {}
  ~ServerImpl() override {
    if (!stopped_) Stop();  // the pools' threads must end before what they use
  }

  absl::Status Start();
  StopReport Stop() override;
  uint16_t port() const override { return http_->port(); }
  std::string url() const override;
  const models::ModelSet& models() const override { return models_; }
  asio::any_io_executor workers() override { return workers_->get_executor(); }

 private:
  absl::Status StartModels();
  net::HttpServerHooks Hooks();

  ServerOptions options_;
  admin::Metrics metrics_;
  admin::Health health_;
  models::ModelSet models_;
  std::atomic<uint64_t> responses_{0};
  std::optional<Service> service_;
  // Destroyed in this order, from the last: the pools' threads end, then the I/O threads'.
  std::unique_ptr<net::HttpServer> http_;
  std::optional<asio::thread_pool> workers_;
  std::optional<asio::thread_pool> helpers_;
  bool started_ = false, stopped_ = false;
};

net::HttpServerHooks ServerImpl::Hooks() {
  net::HttpServerHooks hooks;
  hooks.on_response = [this](int status) {
    responses_.fetch_add(1, std::memory_order_relaxed);
    metrics_.HttpResponse(status);
  };
  hooks.on_error = [](const std::string& message) { admin::Log(admin::LogLevel::kError, message); };
  hooks.on_connections = [this](int change) { metrics_.ConnectionsChanged(change); };
  return hooks;
}

absl::Status ServerImpl::Start() {
  if (options_.bundles.empty()) return absl::InvalidArgumentError("no bundle was named, and at least one is wanted");
  RUNTIME_RETURN_IF_ERROR(models_.Load(options_.bundles, options_.model));
  // One worker thread for every batch that may run: one model's long batch does not hold up another model.
  workers_.emplace(models_.models().size() * static_cast<size_t>(options_.model.runner.executors));
  helpers_.emplace(1);
  service_.emplace(models_, metrics_, health_, helpers_->get_executor(), options_.limits);
  auto http = net::HttpServer::Create(
      options_.http, [this](net::HttpRequest request) { return service_->Handle(std::move(request)); }, Hooks());
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  RUNTIME_RETURN_IF_ERROR(StartModels());
  http_->Start();
  started_ = true;
  health_.SetReady();
  return absl::OkStatus();
}

absl::Status ServerImpl::StartModels() {
  int index = 0;
  for (const auto& model : models_.models()) {
    // A model's queue lives on one I/O thread, and takes requests from all of them.
    models::Executors executors;
    executors.queue = http_->executor(index++ % options_.http.num_io_threads);
    executors.workers = workers_->get_executor();
    executors.helpers = helpers_->get_executor();
    RUNTIME_RETURN_IF_ERROR(model->Start(executors, metrics_.ForModel(model->name(), model->version())));
  }
  return absl::OkStatus();
}

StopReport ServerImpl::Stop() {
  stopped_ = true;
  health_.SetDraining();
  StopReport report;
  if (started_) {
    std::promise<net::DrainReport> promise;
    http_->Stop([&promise](const net::DrainReport& drained) { promise.set_value(drained); });
    report.dropped = promise.get_future().get().dropped;
    for (const auto& model : models_.models()) model->Drain();
    const net::HttpServerStats stats = http_->stats();
    report.answered = responses_.load(std::memory_order_relaxed);
    report.accepted = std::max(stats.requests + stats.limited, report.answered + report.dropped);
    report.dropped = report.accepted - report.answered;
  }
  if (workers_) workers_->join();
  if (helpers_) helpers_->join();
  for (const auto& model : models_.models()) model->Stop();
  return report;
}

std::string ServerImpl::url() const {
  const std::string& address = options_.http.address;
  const bool is_v6 = address.find(':') != std::string::npos;
  return runtime::Cat("http://", is_v6 ? "[" : "", address, is_v6 ? "]" : "", ":", port());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  auto server = std::make_unique<ServerImpl>(options);
  RUNTIME_RETURN_IF_ERROR(server->Start());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace strata::server
