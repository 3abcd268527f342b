#include "systems/net/io_worker.h"

#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

namespace strata::net {

namespace asio = boost::asio;

IoWorker::IoWorker(ServerShared* server, int index, int num_workers) {
  shared_.server = server;
  shared_.next_request_id = static_cast<uint64_t>(index);
  shared_.request_id_step = static_cast<uint64_t>(num_workers);
}

IoWorker::~IoWorker() {
  // Coroutines that wait for input are held by their connections, all others by the context, which dies after this.
  auto connections = std::move(connections_);
  connections_.clear();
  for (auto& [pointer, connection] : connections) connection->Abandon();
}

void IoWorker::Start() {
  thread_ = std::thread([this] { Run(); });
}

void IoWorker::Run() {
  for (;;) {
    try {
      context_.run();
      return;
    } catch (const std::exception& e) {  // a callback of ours ran out of memory: the other connections go on
      if (shared_.server->hooks.on_error) {
        shared_.server->hooks.on_error(std::string("An I/O thread caught an unexpected error: ") + e.what());
      }
    }
  }
}

void IoWorker::Halt() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

void IoWorker::Adopt(Accepted accepted, bool refuse) {
  open_.fetch_add(1, std::memory_order_relaxed);
  shared_.server->open.fetch_add(1, std::memory_order_relaxed);
  asio::post(context_, [this, accepted = std::move(accepted), refuse]() mutable { Open(std::move(accepted), refuse); });
}

void IoWorker::Open(Accepted accepted, bool refuse) {
  if (draining_) drained_connections_.fetch_add(1, std::memory_order_relaxed);
  if (shared_.server->hooks.on_connections) shared_.server->hooks.on_connections(+1);
  Connection::Socket socket(context_.get_executor());
  boost::system::error_code ec;
  socket.assign(asio::generic::stream_protocol(accepted.family, 0), accepted.fd.get(), ec);
  if (!ec) accepted.fd.Release();
  if (!ec) socket.non_blocking(true, ec);
  if (ec) return OnClosed(nullptr);
  auto connection = std::make_shared<Connection>(&shared_, std::move(socket), std::move(accepted.remote), refuse,
                                                 [this](Connection* closed) { OnClosed(closed); });
  connections_.emplace(connection.get(), connection);
  connection->Start();
  if (draining_) connection->Drain();
}

void IoWorker::OnClosed(Connection* connection) {
  connections_.erase(connection);
  open_.fetch_sub(1, std::memory_order_relaxed);
  shared_.server->open.fetch_sub(1, std::memory_order_relaxed);
  if (shared_.server->hooks.on_connections) shared_.server->hooks.on_connections(-1);
  // Posted: the drain's end must not run inside a connection's last step.
  if (draining_ && connections_.empty() && when_empty_) asio::post(context_, std::exchange(when_empty_, nullptr));
}

void IoWorker::Drain(std::function<void()> when_empty) {
  asio::post(context_, [this, when_empty = std::move(when_empty)]() mutable {
    draining_ = true;
    answered_before_drain_.store(shared_.answered.load(std::memory_order_relaxed), std::memory_order_relaxed);
    drained_connections_.store(connections_.size(), std::memory_order_relaxed);
    if (connections_.empty()) return when_empty();
    when_empty_ = std::move(when_empty);
    // A copy: a connection that closes leaves the map.
    const auto connections = connections_;
    for (const auto& [pointer, connection] : connections) connection->Drain();
  });
}

void IoWorker::ForceClose(std::function<void()> then) {
  asio::post(context_, [this, then = std::move(then)] {
    const auto connections = connections_;
    for (const auto& [pointer, connection] : connections) {
      if (connection->ForceClose()) dropped_.fetch_add(1, std::memory_order_relaxed);
    }
    then();
  });
}

IoWorker::Drained IoWorker::drained() const {
  return {shared_.answered.load(std::memory_order_relaxed) - answered_before_drain_.load(std::memory_order_relaxed),
          dropped_.load(std::memory_order_relaxed), drained_connections_.load(std::memory_order_relaxed)};
}

}  // namespace strata::net
