// BatchScheduler: the Asio shell around BatchQueue. Takes tasks from any thread, runs batches of them on a worker pool,
// and gives each task its outcome on its submitter's executor, exactly once.
//
// For: one model version. Not for: choosing a model, parsing requests, or running kernels; RunBatch does the work.
//
//   auto scheduler = BatchScheduler::Create({.queue = {.num_executors = 2}}, strand, pool.get_executor(), run).value();
//   Outcome outcome = co_await scheduler->Submit(Submission(std::move(work), cost), asio::use_awaitable);
//   if (!outcome.status.ok()) ...  // RetryAfterUs(outcome.status) for the Retry-After header
//
// Statuses: kResourceExhausted full (with RetryAfterUs), kUnavailable draining or stopped, kDeadlineExceeded not begun
// in time, kCancelled the client left, kInvalidArgument a cost that no batch can hold; else what RunBatch said.
//
// Cancelling (any type, through the handler's cancellation slot; as Asio wants it, emitted on the submitter's executor)
// answers at once with kCancelled. A waiting task never runs; a running one's result is dropped when its batch ends,
// and the others of that batch notice nothing.
//
// REQUIRES: `run` may be called by num_executors threads at once; `executor` runs one handler at a time (a strand, or
// an io_context with one thread), and its context outlives the workers' threads: join the pool first.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "systems/batching/completion.h"
#include "systems/batching/stats.h"
#include "systems/batching/task.h"

namespace strata::batching {

class SchedulerCore;  // scheduler_core.h; outlives its BatchScheduler until the last batch has ended
struct PendingTask;

struct SchedulerOptions {
  QueueOptions queue;
  // Named in every error message: the model, as its clients know it.
  std::string name = "model";
  // Microseconds on a clock that does not go back; any thread may call it. Null: std::chrono::steady_clock.
  std::function<TimeUs()> clock_us = {};
};

// What a refusal because of a full queue says about when to come back; nothing for other statuses.
std::optional<int64_t> RetryAfterUs(const absl::Status& status);

class BatchScheduler {
 public:
  static absl::StatusOr<std::unique_ptr<BatchScheduler>> Create(SchedulerOptions options,
                                                                boost::asio::any_io_executor executor,
                                                                boost::asio::any_io_executor workers, RunBatch run,
                                                                Observer observer = {});

  // Answers what waits with kUnavailable; what runs is finished and delivered.
  ~BatchScheduler();
  BatchScheduler(const BatchScheduler&) = delete;
  BatchScheduler& operator=(const BatchScheduler&) = delete;

  // An Asio asynchronous operation with the signature void(Outcome). Any thread.
  template <boost::asio::completion_token_for<void(Outcome)> Token>
  auto Submit(Submission submission, Token&& token) {
    return boost::asio::async_initiate<Token, void(Outcome)>(Initiate{core_}, token, std::move(submission));
  }

  // Accepts nothing more, and completes with void(DrainReport) when all that was accepted is answered and no batch
  // runs. Any thread; may be called more than once.
  template <boost::asio::completion_token_for<void(DrainReport)> Token>
  auto Drain(Token&& token) {
    return boost::asio::async_initiate<Token, void(DrainReport)>(InitiateDrain{core_}, token);
  }

  // Any thread.
  Stats stats() const;

 private:
  explicit BatchScheduler(std::shared_ptr<SchedulerCore> core) : core_(std::move(core)) {}
  static const boost::asio::any_io_executor& ExecutorOf(const SchedulerCore& core);
  static std::shared_ptr<PendingTask> NewPending(const SchedulerCore& core, Submission submission);
  static void Begin(const std::shared_ptr<SchedulerCore>& core, const std::shared_ptr<PendingTask>& pending,
                    Completion<Outcome> completion);
  static void Cancel(const std::shared_ptr<SchedulerCore>& core, const std::shared_ptr<PendingTask>& pending);
  static void BeginDrain(const std::shared_ptr<SchedulerCore>& core, Completion<DrainReport> completion);

  struct Initiate {
    std::shared_ptr<SchedulerCore> core;

    template <class Handler>
    void operator()(Handler handler, Submission submission) const {
      const std::shared_ptr<PendingTask> pending = NewPending(*core, std::move(submission));
      // The slot first: once Begin has posted the task, its answer may already be clearing the slot.
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) {
        slot.assign(
            [core = std::weak_ptr(core), pending = std::weak_ptr(pending)](boost::asio::cancellation_type type) {
              if (type != boost::asio::cancellation_type::none) Cancel(core.lock(), pending.lock());
            });
      }
      Begin(core, pending, Completion<Outcome>(std::move(handler), ExecutorOf(*core)));
    }
  };

  struct InitiateDrain {
    std::shared_ptr<SchedulerCore> core;

    template <class Handler>
    void operator()(Handler handler) const {
      BeginDrain(core, Completion<DrainReport>(std::move(handler), ExecutorOf(*core)));
    }
  };

  std::shared_ptr<SchedulerCore> core_;
};

}  // namespace strata::batching
