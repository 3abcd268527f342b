#include "systems/batching/batch_scheduler.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "systems/batching/scheduler_core.h"

namespace strata::batching {
namespace {

namespace asio = boost::asio;

constexpr int64_t kNoTimeout = int64_t{1} << 50;  // 35 years: the same as none, and sums cannot overflow

TimeUs SteadyNow() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<BatchScheduler>> BatchScheduler::Create(SchedulerOptions options,
                                                                       asio::any_io_executor executor,
                                                                       asio::any_io_executor workers, RunBatch run,
                                                                       Observer observer) {
  if (run == nullptr)
    return absl::InvalidArgumentError(absl::StrCat(options.name, ": there is nothing to run batches"));
  absl::StatusOr<BatchQueue> queue = BatchQueue::Create(options.queue);
  if (!queue.ok()) return queue.status();
  if (options.clock_us == nullptr) options.clock_us = SteadyNow;
  return std::unique_ptr<BatchScheduler>(
      new BatchScheduler(std::make_shared<SchedulerCore>(std::move(options), *std::move(queue), std::move(executor),
                                                         std::move(workers), std::move(run), std::move(observer))));
}

BatchScheduler::~BatchScheduler() {
  asio::post(core_->executor, [core = core_] { core->Stop(); });
}

Stats BatchScheduler::stats() const { return core_->stats(); }

const asio::any_io_executor& BatchScheduler::ExecutorOf(const SchedulerCore& core) { return core.executor; }

std::shared_ptr<PendingTask> BatchScheduler::NewPending(const SchedulerCore& core, Submission submission) {
  auto pending = std::make_shared<PendingTask>();
  pending->task.work = std::move(submission.work);
  pending->task.cost = submission.cost;
  pending->submitted_us = core.Now();
  const int64_t timeout_us = std::max<int64_t>(submission.timeout_us, 0);
  if (timeout_us < kNoTimeout) pending->deadline_us = pending->submitted_us + timeout_us;
  return pending;
}

void BatchScheduler::Begin(const std::shared_ptr<SchedulerCore>& core, const std::shared_ptr<PendingTask>& pending,
                           Completion<Outcome> completion) {
  pending->completion = std::move(completion);
  asio::post(core->executor, [core, pending] { core->Accept(pending); });
}

void BatchScheduler::Cancel(const std::shared_ptr<SchedulerCore>& core, const std::shared_ptr<PendingTask>& pending) {
  if (core == nullptr || pending == nullptr) return;
  asio::post(core->executor, [core, pending] { core->Cancel(pending); });
}

void BatchScheduler::BeginDrain(const std::shared_ptr<SchedulerCore>& core, Completion<DrainReport> completion) {
  asio::post(core->executor, [core, held = std::move(completion)]() mutable { core->Drain(std::move(held)); });
}

}  // namespace strata::batching
