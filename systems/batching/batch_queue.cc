#include "systems/batching/batch_queue.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::batching {
namespace {

constexpr int64_t kMaxCost = int64_t{1} << 40;  // sums of a full queue stay far from overflow
constexpr int64_t kMaxWaitUs = int64_t{1} << 50;
constexpr size_t kMaxTasks = size_t{1} << 24;
// Weight that the history keeps at each new batch: the last 20 or so count.
constexpr double kDecay = 0.95;

absl::Status OutOfRange(const char* name, int64_t value, int64_t least, int64_t most) {
  return absl::InvalidArgumentError(
      absl::StrCat("batching option ", name, " is ", value, ", wanted ", least, " to ", most));
}

absl::Status CheckRange(const char* name, int64_t value, int64_t least, int64_t most) {
  return value < least || value > most ? OutOfRange(name, value, least, most) : absl::OkStatus();
}

}  // namespace

const char* RefusalName(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kBadCost:
      return "bad_cost";
    case Refusal::kTooLargeForBatch:
      return "too_large_for_batch";
    case Refusal::kExpired:
      return "expired";
    case Refusal::kQueueTasks:
      return "queue_tasks";
    case Refusal::kQueueCost:
      return "queue_cost";
    case Refusal::kDraining:
      return "draining";
  }
  return "unknown";
}

absl::StatusOr<BatchQueue> BatchQueue::Create(const QueueOptions& o) {
  absl::Status status;
  status.Update(CheckRange("max_batch_tasks", o.max_batch_tasks, 1, kMaxTasks));
  status.Update(CheckRange("max_batch_cost", o.max_batch_cost, 1, kMaxCost));
  status.Update(CheckRange("max_delay_us", o.max_delay_us, 0, kMaxWaitUs));
  status.Update(CheckRange("max_queue_tasks", o.max_queue_tasks, 1, kMaxTasks));
  status.Update(CheckRange("max_queue_cost", o.max_queue_cost, o.max_batch_cost, kMaxCost));
  status.Update(CheckRange("max_look_ahead", o.max_look_ahead, 0, kMaxTasks));
  status.Update(CheckRange("num_executors", o.num_executors, 1, 4096));
  status.Update(CheckRange("max_retry_after_us", o.max_retry_after_us, 1, kMaxWaitUs));
  status.Update(CheckRange("default_retry_after_us", o.default_retry_after_us, 1, o.max_retry_after_us));
  if (!status.ok()) return status;
  return BatchQueue(o);
}

Decision BatchQueue::Refuse(Refusal refusal) const {
  const bool full = refusal == Refusal::kQueueTasks || refusal == Refusal::kQueueCost;
  return {.refusal = refusal, .retry_after_us = full ? RetryAfter() : 0};
}

// The time in which all executors serve all that waits now. Not the time until one place is free: every refused client
// would come back for that one place.
int64_t BatchQueue::RetryAfter() const {
  const double rate = CostPerUs() * options_.num_executors;
  if (rate <= 0) return options_.default_retry_after_us;
  const double us = std::ceil(static_cast<double>(cost_) / rate);
  return static_cast<int64_t>(std::clamp(us, 1.0, static_cast<double>(options_.max_retry_after_us)));
}

Decision BatchQueue::Offer(const QueueTask& task, TimeUs now) {
  latest_us_ = now = std::max(now, latest_us_);
  if (draining_) return Refuse(Refusal::kDraining);
  if (task.cost <= 0) return Refuse(Refusal::kBadCost);
  if (task.cost > options_.max_batch_cost) return Refuse(Refusal::kTooLargeForBatch);
  if (task.deadline_us <= now) return Refuse(Refusal::kExpired);
  if (tasks_.size() >= options_.max_queue_tasks) return Refuse(Refusal::kQueueTasks);
  if (cost_ + task.cost > options_.max_queue_cost) return Refuse(Refusal::kQueueCost);
  const TaskId id = ++last_id_;
  tasks_.emplace_hint(tasks_.end(), id, Entry{task.cost, now, task.deadline_us, 0});
  if (task.deadline_us != kNever) deadlines_.emplace(task.deadline_us, id);
  cost_ += task.cost;
  return {.id = id};
}

BatchQueue::Tasks::iterator BatchQueue::Remove(Tasks::iterator it) {
  cost_ -= it->second.cost;
  if (it->second.deadline_us != kNever) deadlines_.erase({it->second.deadline_us, it->first});
  return tasks_.erase(it);
}

bool BatchQueue::Cancel(TaskId id) {
  const auto it = tasks_.find(id);
  if (it == tasks_.end()) return false;
  Remove(it);
  return true;
}

// When a batch may leave, if an executor is idle.
TimeUs BatchQueue::ReleaseTime() const {
  const bool full = tasks_.size() >= options_.max_batch_tasks || cost_ >= options_.max_batch_cost;
  if (full || draining_ || options_.max_delay_us == 0) return std::numeric_limits<int64_t>::min();
  TimeUs release = OldestArrival() + options_.max_delay_us;
  // No task waits for company until its deadline has passed.
  if (!deadlines_.empty()) release = std::min(release, deadlines_.begin()->first - options_.max_delay_us);
  return release;
}

// The head always fits: its cost is at most max_batch_cost, and a share is raised to it.
int64_t BatchQueue::Budget(int idle_executors) const {
  if (!options_.spread || idle_executors <= 1) return options_.max_batch_cost;
  const int64_t share = (cost_ + idle_executors - 1) / idle_executors;
  return std::min(options_.max_batch_cost, std::max(share, tasks_.begin()->second.cost));
}

Taken BatchQueue::TakeReady(TimeUs now, int idle_executors) {
  latest_us_ = now = std::max(now, latest_us_);
  Taken taken;
  TakeExpired(now, &taken.expired);
  if (idle_executors <= 0 || tasks_.empty() || now < ReleaseTime()) return taken;
  taken.batch_budget = Budget(idle_executors);
  Pack(now, &taken);
  return taken;
}

void BatchQueue::TakeExpired(TimeUs now, std::vector<TakenTask>* expired) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto it = tasks_.find(deadlines_.begin()->second);
    expired->push_back({it->first, it->second.cost, now - it->second.arrival_us, it->second.overtaken});
    Remove(it);
  }
}

// Oldest first; a task that does not fit is passed over, and those behind it may fill the space that it leaves, as
// long as each passed-over task has overtakes to give.
void BatchQueue::Pack(TimeUs now, Taken* taken) {
  struct Passed {
    Entry* entry;
    size_t batch_size;  // when it was passed over: all that joined later overtook it
  };
  std::vector<Passed> passed;
  size_t looked_ahead = 0;
  size_t allowance = std::numeric_limits<size_t>::max();  // how many more may join, by the strictest passed-over task
  for (auto it = tasks_.begin(); it != tasks_.end() && taken->batch.size() < options_.max_batch_tasks;) {
    if (!passed.empty() && (allowance == 0 || looked_ahead++ >= options_.max_look_ahead)) break;
    Entry& entry = it->second;
    if (entry.cost > taken->batch_budget - taken->batch_cost) {
      allowance = std::min<size_t>(allowance, options_.max_overtakes - entry.overtaken);
      passed.push_back({&entry, taken->batch.size()});
      ++it;
      continue;
    }
    if (!passed.empty()) --allowance;
    taken->batch_cost += entry.cost;
    taken->batch.push_back({it->first, entry.cost, now - entry.arrival_us, entry.overtaken});
    it = Remove(it);
    if (taken->batch_cost == taken->batch_budget) break;
  }
  for (const Passed& p : passed) p.entry->overtaken += static_cast<uint32_t>(taken->batch.size() - p.batch_size);
}

TimeUs BatchQueue::NextDeadline(int idle_executors) const {
  if (tasks_.empty()) return kNever;
  TimeUs next = deadlines_.empty() ? kNever : deadlines_.begin()->first;
  if (idle_executors > 0) next = std::min(next, ReleaseTime());
  return next;
}

void BatchQueue::RecordRun(int64_t cost, int64_t run_us) {
  if (cost <= 0) return;
  run_cost_ = kDecay * run_cost_ + static_cast<double>(cost);
  run_us_ = kDecay * run_us_ + static_cast<double>(std::max<int64_t>(run_us, 1));
}

}  // namespace strata::batching
