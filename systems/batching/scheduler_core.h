// SchedulerCore: what a BatchScheduler does on its executor. Internal to systems/batching: include batch_scheduler.h.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "systems/batching/batch_scheduler.h"

namespace strata::batching {

struct PendingTask {
  Task task;  // the worker's while it runs, else the executor's
  // The rest is the executor's alone.
  Completion<Outcome> completion;  // empty once answered
  TimeUs submitted_us = 0;
  TimeUs deadline_us = kNever;
  TaskId id = 0;           // 0: not offered yet
  bool cancelled = false;  // before it was offered
  TakenTask taken;         // as the queue handed it out
};

// Every method but the constructor, Now and stats is called on `executor`.
class SchedulerCore : public std::enable_shared_from_this<SchedulerCore> {
 public:
  using PendingPtr = std::shared_ptr<PendingTask>;  // shared: the client's cancellation slot looks at it weakly

  SchedulerCore(SchedulerOptions options, BatchQueue queue, boost::asio::any_io_executor executor,
                boost::asio::any_io_executor workers, RunBatch run, Observer observer)
      : executor(std::move(executor)),
        workers_(std::move(workers)),
        options_(std::move(options)),
        run_(std::move(run)),
        observer_(std::move(observer)),
        queue_(std::move(queue)),
        timer_(this->executor) {
    for (int i = options_.queue.num_executors; i-- > 0;) free_slots_.push_back(static_cast<size_t>(i));
  }

  TimeUs Now() const { return options_.clock_us(); }

  Stats stats() const {
    const std::lock_guard lock(published_mutex_);
    return published_;
  }

  void Accept(const PendingPtr& pending);
  void Cancel(const PendingPtr& pending);
  void Drain(Completion<DrainReport> completion);
  void Stop();

  const boost::asio::any_io_executor executor;

 private:
  struct Batch {
    size_t slot = 0;
    int64_t cost = 0;
    std::vector<PendingPtr> pendings;
    std::vector<Task*> tasks;
    absl::Status status;
    int64_t run_us = 0;
  };

  absl::Status RefusalStatus(const PendingTask& pending, const Decision& decision) const;
  void Refuse(PendingTask& pending, absl::Status status, uint64_t Stats::* counter);
  void Answer(PendingTask& pending, Outcome outcome, uint64_t Stats::* counter);
  void AnswerWaiting(PendingTask& pending, absl::Status status, uint64_t Stats::* counter);
  void PumpSoon();
  void Pump();
  void Start(const Taken& taken);
  void Finish(std::unique_ptr<Batch> batch);
  void ArmTimer();
  void ReportIfDrained();
  void Publish();

  boost::asio::any_io_executor workers_;
  const SchedulerOptions options_;
  const RunBatch run_;
  const Observer observer_;
  BatchQueue queue_;
  std::unordered_map<TaskId, PendingPtr> waiting_;  // the tasks in queue_
  std::vector<size_t> free_slots_;                  // the last one freed is used next: its arena is warm
  bool pump_posted_ = false;
  TimeUs armed_for_ = kNever;
  uint64_t timer_round_ = 0;  // tells a wait that was replaced from the present one
  std::vector<Completion<DrainReport>> drains_;
  Stats stats_;
  mutable std::mutex published_mutex_;
  Stats published_;  // guarded by published_mutex_
  boost::asio::steady_timer timer_;
};

}  // namespace strata::batching
