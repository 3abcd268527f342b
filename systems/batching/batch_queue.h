// BatchQueue: decides which waiting tasks run together and when. Pure: no thread, clock, socket or Asio; time comes in
// as `now`, decisions come out, so that every behaviour can be replayed from a list of calls.
//
// For: one model version's queue, driven by batch_scheduler.h. Not for: running anything, or holding payloads; a task
// is known here by its number, cost and deadline alone. Not thread-safe: one strand owns it.
//
//   auto queue = BatchQueue::Create({.max_batch_cost = 4096});
//   Decision d = queue->Offer({.cost = 12}, now);                // d.id, or d.refusal and d.retry_after_us
//   Taken taken = queue->TakeReady(now, idle_executors);         // taken.batch runs, taken.expired is told so
//   int64_t wake_us = queue->NextDeadline(idle_executors);       // call TakeReady again then, or after any event
//
// What is promised (docs/design/batching.md has the proofs, batch_queue_simulation_test.cc checks them at each step):
//  1. The oldest task is in every batch, so a task that had k before it is in one of the next k + 1 batches.
//  2. A task is overtaken by at most `max_overtakes` later ones in its whole life; otherwise the order is FIFO.
//  3. Look-ahead uses only space that strict FIFO would leave empty: no task leaves in a later batch than there.
//  4. While an executor is idle nothing waits longer than `max_delay_us`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace strata::batching {

using TaskId = uint64_t;  // in order of acceptance, from 1; never used twice
using TimeUs = int64_t;   // microseconds on any clock that does not go back; within +-2^61
inline constexpr TimeUs kNever = std::numeric_limits<int64_t>::max();

struct QueueOptions {
  // Most tasks in a batch: what the model's plan was warmed and its memory planned for.
  size_t max_batch_tasks = 64;
  // Most cost in a batch, in rows or tokens. A ragged batch takes time in proportion to it, so this is the bound on
  // the time that one batch holds an executor. A task of more cost is refused.
  int64_t max_batch_cost = 8192;
  // How long a batch that is not full waits for company while an executor is idle. 0: leaves at once, and batches
  // form only while all executors are busy.
  int64_t max_delay_us = 0;
  // Most tasks that wait (running ones are not counted).
  size_t max_queue_tasks = 1024;
  // Most cost that waits; at least max_batch_cost.
  int64_t max_queue_cost = 1 << 20;
  // How many tasks past the first that does not fit are looked at to fill a batch. Bounds the work of one TakeReady.
  size_t max_look_ahead = 64;
  // How many later tasks may leave before a given one, in its whole life. 0: strict FIFO.
  uint32_t max_overtakes = 32;
  // Executors that run batches at the same time.
  int num_executors = 1;
  // With several idle executors, give each about an equal share of what waits instead of all to the first.
  bool spread = true;
  // What a refusal says while no batch has been measured, and the most that it ever says.
  int64_t default_retry_after_us = 1'000'000;
  int64_t max_retry_after_us = 30'000'000;
};

struct QueueTask {
  int64_t cost = 1;             // rows or tokens, > 0
  TimeUs deadline_us = kNever;  // must start before this; on the clock of `now`
};

// Why a task was not accepted.
enum class Refusal { kNone, kBadCost, kTooLargeForBatch, kExpired, kQueueTasks, kQueueCost, kDraining };
const char* RefusalName(Refusal refusal);

struct Decision {
  TaskId id = 0;  // 0: refused
  Refusal refusal = Refusal::kNone;
  int64_t retry_after_us = 0;  // for kQueueTasks and kQueueCost: when the present queue should be served
  bool accepted() const { return id != 0; }
};

struct TakenTask {
  TaskId id = 0;
  int64_t cost = 0;
  int64_t waited_us = 0;
  uint32_t overtaken = 0;  // by how many later tasks, at the end
};

struct Taken {
  std::vector<TakenTask> batch;  // to run now; empty: nothing may leave yet
  int64_t batch_cost = 0;
  int64_t batch_budget = 0;        // what the batch's cost was allowed to be
  std::vector<TakenTask> expired;  // deadline passed before work began; not in the batch
};

class BatchQueue {
 public:
  static absl::StatusOr<BatchQueue> Create(const QueueOptions& options);

  Decision Offer(const QueueTask& task, TimeUs now);

  // Removes a waiting task. False: unknown, already handed out, or expired.
  bool Cancel(TaskId id);

  // Expired tasks always; a batch if one may leave and `idle_executors` > 0. Call again until the batch is empty,
  // with one idle executor less each time.
  Taken TakeReady(TimeUs now, int idle_executors);

  // The next time at which TakeReady can have something that it does not have now, if nothing else happens.
  TimeUs NextDeadline(int idle_executors) const;

  // Accepts nothing more; what waits leaves without delay.
  void Drain() { draining_ = true; }

  // A batch ended: `cost` took `run_us` on one executor. The measured rate is what retry_after_us comes from.
  void RecordRun(int64_t cost, int64_t run_us);

  // Cost that one executor serves in a microsecond, a decaying mean; 0 while unmeasured.
  double CostPerUs() const { return run_us_ > 0 ? run_cost_ / run_us_ : 0; }

  const QueueOptions& options() const { return options_; }
  size_t num_tasks() const { return tasks_.size(); }
  int64_t cost() const { return cost_; }
  bool draining() const { return draining_; }
  // When the oldest waiting task came; kNever if none waits.
  TimeUs OldestArrival() const { return tasks_.empty() ? kNever : tasks_.begin()->second.arrival_us; }

 private:
  struct Entry {
    int64_t cost;
    TimeUs arrival_us;
    TimeUs deadline_us;
    uint32_t overtaken;
  };
  using Tasks = std::map<TaskId, Entry>;

  explicit BatchQueue(const QueueOptions& options) : options_(options) {}
  Decision Refuse(Refusal refusal) const;
  int64_t RetryAfter() const;
  TimeUs ReleaseTime() const;
  int64_t Budget(int idle_executors) const;
  void TakeExpired(TimeUs now, std::vector<TakenTask>* expired);
  void Pack(TimeUs now, Taken* taken);
  Tasks::iterator Remove(Tasks::iterator it);

  QueueOptions options_;
  Tasks tasks_;                                    // by id, which is the order of arrival
  std::set<std::pair<TimeUs, TaskId>> deadlines_;  // of those waiting tasks that have one
  int64_t cost_ = 0;                               // sum over tasks_
  TaskId last_id_ = 0;
  TimeUs latest_us_ = std::numeric_limits<int64_t>::min();  // a clock that steps back is read as standing still
  bool draining_ = false;
  double run_cost_ = 0, run_us_ = 0;
};

}  // namespace strata::batching
