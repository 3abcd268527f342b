#include "kernels/base/thread_pool.h"

#include <utility>

namespace strata {
namespace {

// Set while a thread runs a body, so that a nested Run stays on it instead of waiting for itself.
thread_local bool inside_body = false;

}  // namespace

ThreadPool::ThreadPool(int num_threads) {
  for (int i = 1; i < num_threads; ++i) threads_.emplace_back([this] { Loop(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Work(Job& job) {
  const bool outer = std::exchange(inside_body, true);
  for (int i; (i = job.next.fetch_add(1, std::memory_order_relaxed)) < job.count;) job.body(i);
  inside_body = outer;
}

void ThreadPool::Loop() {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || (job_ != nullptr && generation_ != seen); });
    if (stop_) return;
    seen = generation_;
    Job& job = *job_;
    ++busy_;
    lock.unlock();
    Work(job);
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
  }
}

void ThreadPool::Run(int count, FunctionRef<void(int)> body) {
  if (count <= 1 || threads_.empty() || inside_body) {
    for (int i = 0; i < count; ++i) body(i);
    return;
  }
  std::lock_guard turn(turn_);
  Job job{body, count};
  {
    std::lock_guard lock(mutex_);
    job_ = &job;
    ++generation_;
  }
  wake_.notify_all();
  Work(job);
  std::unique_lock lock(mutex_);
  job_ = nullptr;  // a thread that wakes late finds no job: only those counted in busy_ still hold it
  done_.wait(lock, [&] { return busy_ == 0; });
}

}  // namespace strata
