#include "systems/batching/scheduler_core.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace strata::batching {
namespace {

namespace asio = boost::asio;

constexpr char kRetryAfterKey[] = "strata/retry-after-us";
constexpr int64_t kLongestTimerUs = 3'600'000'000;  // waking once an hour costs nothing

// A status with a message of its own. A plain copy shares it by a reference count inside the system's Abseil, which
// ThreadSanitizer cannot see into: it would report tasks that drop one batch's status on their own threads.
absl::Status CopyOf(const absl::Status& status) {
  absl::Status copy(status.code(), status.message());
  status.ForEachPayload([&copy](absl::string_view key, const absl::Cord& value) {
    copy.SetPayload(key, absl::Cord(std::string(value)));
  });
  return copy;
}

}  // namespace

std::optional<int64_t> RetryAfterUs(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryAfterKey);
  int64_t us = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &us)) return std::nullopt;
  return us;
}

absl::Status SchedulerCore::RefusalStatus(const PendingTask& pending, const Decision& d) const {
  const QueueOptions& o = options_.queue;
  const std::string& name = options_.name;
  switch (d.refusal) {
    case Refusal::kBadCost:
      return absl::InvalidArgumentError(absl::StrCat(name, ": a request of ", pending.task.cost, " rows or tokens"));
    case Refusal::kTooLargeForBatch:
      return absl::InvalidArgumentError(absl::StrCat(name, ": the request has ", pending.task.cost,
                                                     " rows or tokens, and one batch holds at most ",
                                                     o.max_batch_cost));
    case Refusal::kExpired:
      return absl::DeadlineExceededError(absl::StrCat(name, ": the request's deadline had passed when it came"));
    case Refusal::kDraining:
      return absl::UnavailableError(absl::StrCat(name, " is shutting down and takes no more"));
    default:
      break;
  }
  absl::Status full = absl::ResourceExhaustedError(
      d.refusal == Refusal::kQueueTasks
          ? absl::StrCat(name, ": ", queue_.num_tasks(), " requests wait, and at most ", o.max_queue_tasks, " may")
          : absl::StrCat(name, ": ", queue_.cost(), " rows or tokens wait, this request has ", pending.task.cost,
                         ", and at most ", o.max_queue_cost, " may wait"));
  full.SetPayload(kRetryAfterKey, absl::Cord(absl::StrCat(d.retry_after_us)));
  return full;
}

void SchedulerCore::Accept(const PendingPtr& pending) {
  if (pending->cancelled) {
    return Refuse(*pending, absl::CancelledError("the client left before the request was queued"),
                  &Stats::refused_other);
  }
  const Decision d = queue_.Offer({pending->task.cost, pending->deadline_us}, Now());
  if (!d.accepted()) {
    const bool full = d.refusal == Refusal::kQueueTasks || d.refusal == Refusal::kQueueCost;
    return Refuse(*pending, RefusalStatus(*pending, d),
                  full                              ? &Stats::refused_full
                  : d.refusal == Refusal::kDraining ? &Stats::refused_draining
                                                    : &Stats::refused_other);
  }
  pending->id = d.id;
  waiting_.emplace(d.id, pending);
  ++stats_.accepted;
  free_slots_.empty() ? ArmTimer() : PumpSoon();
  Publish();
}

void SchedulerCore::Refuse(PendingTask& pending, absl::Status status, uint64_t Stats::* counter) {
  ++(stats_.*counter);
  Publish();
  pending.completion.Deliver({.status = std::move(status), .work = std::move(pending.task.work)});
}

// The one place where an accepted task is answered.
void SchedulerCore::Answer(PendingTask& pending, Outcome outcome, uint64_t Stats::* counter) {
  ++(stats_.*counter);
  Publish();
  if (observer_.on_task) {
    observer_.on_task({.cost = pending.task.cost,
                       .queued_us = outcome.queued_us,
                       .run_us = outcome.run_us,
                       .overtaken = pending.taken.overtaken,
                       .code = outcome.status.code()});
  }
  pending.completion.Deliver(std::move(outcome));
}

// A waiting task is answered without having run, and gets its work back.
void SchedulerCore::AnswerWaiting(PendingTask& pending, absl::Status status, uint64_t Stats::* counter) {
  const int64_t queued_us = std::max<int64_t>(Now() - pending.submitted_us, 0);
  Answer(pending, {.status = std::move(status), .work = std::move(pending.task.work), .queued_us = queued_us}, counter);
}

void SchedulerCore::Cancel(const PendingPtr& pending) {
  if (!pending->completion) return;  // answered already
  if (pending->id == 0) {
    pending->cancelled = true;
    return;
  }
  if (queue_.Cancel(pending->id)) {
    waiting_.erase(pending->id);
    AnswerWaiting(*pending, absl::CancelledError("the client left while the request waited"), &Stats::cancelled);
    ArmTimer();
  } else {
    --stats_.running_tasks;
    // Without the work: a worker is at it. It dies with its batch.
    Answer(*pending,
           {.status = absl::CancelledError("the client left while the request ran"),
            .work = nullptr,
            .queued_us = pending->taken.waited_us},
           &Stats::cancelled);
  }
  ReportIfDrained();
}

// After all that is ready on the executor now: requests that came together leave together, and nobody waits for it.
void SchedulerCore::PumpSoon() {
  if (pump_posted_) return;
  pump_posted_ = true;
  asio::post(executor, [self = shared_from_this()] {
    self->pump_posted_ = false;
    self->Pump();
    self->ReportIfDrained();
  });
}

void SchedulerCore::Pump() {
  for (;;) {
    const Taken taken = queue_.TakeReady(Now(), static_cast<int>(free_slots_.size()));
    for (const TakenTask& t : taken.expired) {
      const PendingPtr pending = std::move(waiting_.extract(t.id).mapped());
      pending->taken = t;
      AnswerWaiting(*pending,
                    absl::DeadlineExceededError(absl::StrCat(options_.name, ": the request's deadline passed after ",
                                                             t.waited_us, " microseconds in the queue")),
                    &Stats::expired);
    }
    if (taken.batch.empty()) break;
    Start(taken);
  }
  ArmTimer();
  Publish();
}

void SchedulerCore::Start(const Taken& taken) {
  auto batch = std::make_unique<Batch>();
  batch->slot = free_slots_.back();
  free_slots_.pop_back();
  batch->cost = taken.batch_cost;
  for (const TakenTask& t : taken.batch) {
    batch->pendings.push_back(std::move(waiting_.extract(t.id).mapped()));
    batch->pendings.back()->taken = t;
    batch->tasks.push_back(&batch->pendings.back()->task);
  }
  ++stats_.batches;
  ++stats_.running_batches;
  stats_.running_tasks += batch->tasks.size();
  // The guard: executor must not run out of work while the only thing to wait for is on a worker.
  asio::post(workers_,
             [self = shared_from_this(), guard = asio::make_work_guard(executor), batch = std::move(batch)]() mutable {
               const TimeUs start = self->Now();
               batch->status = self->run_(batch->slot, batch->tasks);
               batch->run_us = std::max<int64_t>(self->Now() - start, 0);
               auto* const core = self.get();
               asio::post(core->executor, [self = std::move(self), batch = std::move(batch)]() mutable {
                 self->Finish(std::move(batch));
               });
             });
}

void SchedulerCore::Finish(std::unique_ptr<Batch> batch) {
  queue_.RecordRun(batch->cost, batch->run_us);
  stats_.cost_per_second = queue_.CostPerUs() * 1e6;
  --stats_.running_batches;
  free_slots_.push_back(batch->slot);
  Pump();  // before the answers: the executor works while they are written
  if (observer_.on_batch) {
    observer_.on_batch({batch->tasks.size(), batch->cost, batch->run_us, batch->status.code()});
  }
  for (const PendingPtr& pending : batch->pendings) {
    if (!pending->completion) continue;  // the client left
    --stats_.running_tasks;
    Outcome outcome{.status = batch->status.ok() ? std::move(pending->task.status) : CopyOf(batch->status),
                    .work = std::move(pending->task.work),
                    .queued_us = pending->taken.waited_us,
                    .run_us = batch->run_us,
                    .batch_tasks = batch->tasks.size(),
                    .batch_cost = batch->cost};
    const auto counter = outcome.status.ok() ? &Stats::succeeded : &Stats::failed;
    Answer(*pending, std::move(outcome), counter);
  }
  ReportIfDrained();
}

void SchedulerCore::ArmTimer() {
  const TimeUs next = queue_.NextDeadline(pump_posted_ ? 0 : static_cast<int>(free_slots_.size()));
  if (next == kNever) {
    if (armed_for_ != kNever) timer_.cancel();
    armed_for_ = kNever;
    ++timer_round_;
    return;
  }
  if (armed_for_ <= next) return;  // it wakes early enough, and then looks again
  armed_for_ = next;
  timer_.expires_after(std::chrono::microseconds(std::clamp<int64_t>(next - Now(), 0, kLongestTimerUs)));
  timer_.async_wait([weak = weak_from_this(), round = ++timer_round_](boost::system::error_code) {
    const std::shared_ptr<SchedulerCore> self = weak.lock();
    if (self == nullptr || self->timer_round_ != round) return;
    self->armed_for_ = kNever;
    self->Pump();
    self->ReportIfDrained();
  });
}

void SchedulerCore::Drain(Completion<DrainReport> completion) {
  queue_.Drain();
  drains_.push_back(std::move(completion));
  Pump();
  ReportIfDrained();
}

void SchedulerCore::Stop() {
  queue_.Drain();
  while (!waiting_.empty()) {
    const PendingPtr pending = std::move(waiting_.extract(waiting_.begin()).mapped());
    queue_.Cancel(pending->id);
    AnswerWaiting(*pending, absl::UnavailableError(absl::StrCat(options_.name, " was stopped before the request ran")),
                  &Stats::stopped);
  }
  ArmTimer();
  ReportIfDrained();
}

void SchedulerCore::ReportIfDrained() {
  if (drains_.empty() || !waiting_.empty() || stats_.running_batches != 0) return;
  const uint64_t answered = stats_.answered();
  Publish();
  for (Completion<DrainReport>& drain : std::exchange(drains_, {})) {
    drain.Deliver({.accepted = stats_.accepted, .answered = answered, .dropped = stats_.accepted - answered});
  }
}

void SchedulerCore::Publish() {
  stats_.queued_tasks = queue_.num_tasks();
  stats_.queued_cost = queue_.cost();
  const std::lock_guard lock(published_mutex_);
  published_ = stats_;
}

}  // namespace strata::batching
