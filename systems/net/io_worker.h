// One I/O thread: an io_context of its own and the connections that live on it.
//
// For: HttpServer. Not for: accepting (listener.h) or deciding when to drain.

#ifndef SYSTEMS_NET_IO_WORKER_H_
#define SYSTEMS_NET_IO_WORKER_H_

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>

#include "systems/net/connection.h"
#include "systems/net/listener.h"

namespace strata::net {

class IoWorker {
 public:
  struct Drained {
    uint64_t finished = 0;
    uint64_t dropped = 0;
    uint64_t connections = 0;
  };

  IoWorker(ServerShared* server, int index, int num_workers);
  ~IoWorker();  // REQUIRES: Halt was called, or Start was not

  void Start();
  // Stops the thread wherever it is. REQUIRES: not called on it.
  void Halt();

  // Thread-safe.
  void Adopt(Accepted accepted, bool refuse);
  void Drain(std::function<void()> when_empty);  // called on this worker's thread
  void ForceClose(std::function<void()> then);   // `then` runs on this worker's thread after all were told
  size_t open() const { return open_.load(std::memory_order_relaxed); }
  const WorkerShared& shared() const { return shared_; }
  boost::asio::io_context& context() { return context_; }
  // What the drain did up to now.
  Drained drained() const;

 private:
  void Run();
  void Open(Accepted accepted, bool refuse);
  void OnClosed(Connection* connection);

  // 1: one thread runs it, which saves wake-ups; posting from other threads stays safe.
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  WorkerShared shared_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;  // this worker's thread only
  bool draining_ = false;
  std::function<void()> when_empty_;
  std::atomic<size_t> open_{0};
  std::atomic<uint64_t> answered_before_drain_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> drained_connections_{0};
  std::thread thread_;
};

}  // namespace strata::net

#endif  // SYSTEMS_NET_IO_WORKER_H_
