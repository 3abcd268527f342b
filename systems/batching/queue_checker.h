// QueueChecker: a BatchQueue next to a naive model of it, for tests. Each call goes to both, and whatever breaks a
// promise of batch_queue.h ends the process with a sentence. The simulation and the fuzz target share it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "systems/batching/batch_queue.h"

namespace strata::batching {

class QueueChecker {
 public:
  // REQUIRES: options that BatchQueue::Create accepts.
  explicit QueueChecker(const QueueOptions& options);

  Decision Offer(const QueueTask& task, TimeUs now);
  bool Cancel(TaskId id);
  Taken TakeReady(TimeUs now, int idle_executors);
  TimeUs NextDeadline(int idle_executors);
  void Drain();
  void RecordRun(int64_t cost, int64_t run_us) { queue_.RecordRun(cost, run_us); }

  const BatchQueue& queue() const { return queue_; }
  uint64_t most_overtaken() const { return most_overtaken_; }
  uint64_t fifo_batches_saved() const { return fifo_lag_; }

 private:
  struct Waiting {
    TaskId id;
    int64_t cost;
    TimeUs arrival_us;
    TimeUs deadline_us;
    uint64_t overtaken;
    uint64_t may_wait_batches;  // as many tasks as were before it
  };

  void CheckExpired(const Taken& taken, TimeUs now);
  void CheckHeldBack(TimeUs now, int idle_executors) const;
  void CheckBatch(const Taken& taken, TimeUs now, int idle_executors);
  void CheckOrder(const Taken& taken, const std::vector<bool>& chosen) const;
  void Leave(const std::vector<bool>& chosen);
  void StepFifo(int64_t budget, TimeUs now);
  void CheckTotals() const;

  QueueOptions options_;
  BatchQueue queue_;
  std::vector<Waiting> model_;
  std::vector<Waiting> fifo_;  // what would wait if the same budgets had been filled strictly in order
  TimeUs promised_us_ = 0;     // by NextDeadline, while promise_idle_ >= 0
  int promise_idle_ = -1;
  bool draining_ = false;
  uint64_t most_overtaken_ = 0;
  uint64_t fifo_lag_ = 0;  // tasks that strict FIFO still held when ours had handed them out, summed over batches
};

}  // namespace strata::batching
