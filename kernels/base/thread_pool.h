// ThreadPool: the service's and the tests' Parallel. A fixed set of threads that share one job at a time; callers from
// several threads take turns. Not a task queue: see systems/batching for that.
//
//   ThreadPool pool(2);
//   pool.Run(8, [&](int i) { ... });
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/base/parallel.h"

namespace strata {

class ThreadPool final : public Parallel {
 public:
  // The caller of Run works, too: num_threads - 1 threads are started. REQUIRES: num_threads >= 1.
  explicit ThreadPool(int num_threads);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const override { return static_cast<int>(threads_.size()) + 1; }
  void Run(int count, FunctionRef<void(int)> body) override;

 private:
  struct Job {
    FunctionRef<void(int)> body;
    int count;
    std::atomic<int> next{0};
  };

  void Loop();
  static void Work(Job& job);

  std::mutex turn_;  // held by the caller whose job is running
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;       // guarded by mutex_
  uint64_t generation_ = 0;  // guarded by mutex_; tells a thread whether it has seen the job
  int busy_ = 0;             // guarded by mutex_; threads that still hold the job
  bool stop_ = false;        // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace strata
