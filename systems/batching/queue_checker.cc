#include "systems/batching/queue_checker.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace strata::batching {
namespace {

void Expect(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace

QueueChecker::QueueChecker(const QueueOptions& options)
    : options_(options), queue_(BatchQueue::Create(options).value()) {}

Decision QueueChecker::Offer(const QueueTask& task, TimeUs now) {
  const size_t before = model_.size();
  const int64_t cost = queue_.cost();
  const Decision d = queue_.Offer(task, now);
  Expect(d.accepted() == (d.refusal == Refusal::kNone), "a task is accepted, or refused for a reason");
  const bool fits = task.cost > 0 && task.cost <= options_.max_batch_cost && before < options_.max_queue_tasks &&
                    cost + task.cost <= options_.max_queue_cost;
  Expect(d.accepted() == (fits && !draining_ && task.deadline_us > now), "exactly what the bounds allow is accepted");
  const bool full = d.refusal == Refusal::kQueueTasks || d.refusal == Refusal::kQueueCost;
  Expect(full == (d.retry_after_us > 0), "a full queue, and nothing else, says when to come back");
  Expect(d.retry_after_us <= options_.max_retry_after_us, "retry_after_us is bounded");
  if (d.accepted()) {
    promise_idle_ = -1;
    Expect(model_.empty() || d.id > model_.back().id, "ids go up");
    model_.push_back({d.id, task.cost, now, task.deadline_us, 0, before});
    fifo_.push_back(model_.back());
  }
  CheckTotals();
  return d;
}

bool QueueChecker::Cancel(TaskId id) {
  const auto same = [id](const Waiting& w) { return w.id == id; };
  const bool waits = std::any_of(model_.begin(), model_.end(), same);
  const bool cancelled = queue_.Cancel(id);
  Expect(cancelled == waits, "exactly waiting tasks can be cancelled");
  std::erase_if(model_, same);
  std::erase_if(fifo_, same);
  if (cancelled) promise_idle_ = -1;
  CheckTotals();
  return cancelled;
}

void QueueChecker::Drain() {
  queue_.Drain();
  draining_ = true;
  promise_idle_ = -1;
}

TimeUs QueueChecker::NextDeadline(int idle_executors) {
  promised_us_ = queue_.NextDeadline(idle_executors);
  promise_idle_ = idle_executors;
  Expect(promised_us_ != kNever || idle_executors == 0 || model_.empty(), "an idle executor is told when to wake");
  return promised_us_;
}

Taken QueueChecker::TakeReady(TimeUs now, int idle_executors) {
  const Taken taken = queue_.TakeReady(now, idle_executors);
  if (idle_executors <= promise_idle_ && now < promised_us_) {
    Expect(taken.batch.empty() && taken.expired.empty(), "nothing is ready before NextDeadline");
  }
  if (!taken.batch.empty() || !taken.expired.empty()) promise_idle_ = -1;
  CheckExpired(taken, now);
  if (taken.batch.empty()) {
    if (idle_executors > 0 && !model_.empty()) CheckHeldBack(now, idle_executors);
  } else {
    CheckBatch(taken, now, idle_executors);
  }
  CheckTotals();
  return taken;
}

void QueueChecker::CheckExpired(const Taken& taken, TimeUs now) {
  std::set<TaskId> reported;
  for (const TakenTask& t : taken.expired) Expect(reported.insert(t.id).second, "a task expires once");
  std::erase_if(model_, [&](const Waiting& w) {
    Expect((w.deadline_us <= now) == (reported.erase(w.id) == 1), "exactly tasks past their deadline expire");
    return w.deadline_us <= now;
  });
  Expect(reported.empty(), "only waiting tasks expire");
  std::erase_if(fifo_, [now](const Waiting& w) { return w.deadline_us <= now; });
}

void QueueChecker::CheckHeldBack(TimeUs now, int) const {
  Expect(!draining_, "a draining queue holds nothing back");
  Expect(model_.size() < options_.max_batch_tasks, "a full batch is not held back");
  for (const Waiting& w : model_) {
    Expect(now < w.arrival_us + options_.max_delay_us, "no task waits past max_delay_us while an executor is idle");
    Expect(w.deadline_us - now > options_.max_delay_us, "no task is held back close to its deadline");
  }
}

void QueueChecker::CheckBatch(const Taken& taken, TimeUs now, int idle_executors) {
  Expect(idle_executors > 0, "a batch leaves only for an idle executor");
  Expect(taken.batch.size() <= options_.max_batch_tasks, "no batch above max_batch_tasks");
  Expect(taken.batch_cost <= taken.batch_budget && taken.batch_budget <= options_.max_batch_cost,
         "no batch above max_batch_cost");
  Expect(taken.batch.front().id == model_.front().id, "the oldest task is in every batch");
  std::vector<bool> chosen(model_.size(), false);
  int64_t cost = 0;
  size_t at = 0;
  for (const TakenTask& t : taken.batch) {
    while (at < model_.size() && model_[at].id != t.id) ++at;
    Expect(at < model_.size(), "a batch holds waiting tasks, each once, in order of arrival");
    Expect(t.cost == model_[at].cost && t.overtaken == model_[at].overtaken, "a batch tells the truth");
    Expect(t.waited_us == now - model_[at].arrival_us, "the time in queue is true");
    chosen[at++] = true;
    cost += t.cost;
  }
  Expect(cost == taken.batch_cost, "batch_cost is the sum");
  CheckOrder(taken, chosen);
  Leave(chosen);
  StepFifo(taken.batch_budget, now);
}

// Whoever stays did not fit when its turn came, unless one of the stated limits ended the search.
void QueueChecker::CheckOrder(const Taken& taken, const std::vector<bool>& chosen) const {
  int64_t left = taken.batch_budget;
  size_t joined = 0, passed = 0, beyond = 0;
  bool spent = false;  // some passed-over task has no overtake left to give
  for (size_t i = 0; i < model_.size(); ++i) {
    const bool open = joined < options_.max_batch_tasks && left > 0 && !spent && beyond <= options_.max_look_ahead;
    if (passed > 0) ++beyond;
    if (chosen[i]) {
      Expect(passed == 0 || beyond <= options_.max_look_ahead, "look-ahead is bounded");
      left -= model_[i].cost;
      ++joined;
    } else {
      Expect(!open || model_[i].cost > left || (passed > 0 && beyond > options_.max_look_ahead),
             "only a task that does not fit is passed over");
      ++passed;
    }
    size_t later = 0;
    for (size_t j = i + 1; j-- > 0 && passed > 0;) {
      if (chosen[j]) {
        ++later;
      } else if (model_[j].overtaken + later >= options_.max_overtakes) {
        spent = true;
      }
    }
  }
}

void QueueChecker::Leave(const std::vector<bool>& chosen) {
  uint64_t later = 0;
  for (size_t i = model_.size(); i-- > 0;) {
    if (chosen[i]) {
      ++later;
      continue;
    }
    model_[i].overtaken += later;
    most_overtaken_ = std::max(most_overtaken_, model_[i].overtaken);
    Expect(model_[i].overtaken <= options_.max_overtakes, "no task is overtaken more than max_overtakes times");
    Expect(model_[i].may_wait_batches-- > 0, "a task with k before it leaves in one of the next k + 1 batches");
  }
  std::vector<Waiting> rest;
  for (size_t i = 0; i < model_.size(); ++i) {
    if (!chosen[i]) rest.push_back(model_[i]);
  }
  model_ = std::move(rest);
}

void QueueChecker::StepFifo(int64_t budget, TimeUs) {
  size_t n = 0;
  while (n < fifo_.size() && n < options_.max_batch_tasks && fifo_[n].cost <= budget) budget -= fifo_[n++].cost;
  fifo_.erase(fifo_.begin(), fifo_.begin() + static_cast<std::ptrdiff_t>(n));
  size_t at = 0;
  for (const Waiting& w : model_) {
    while (at < fifo_.size() && fifo_[at].id < w.id) ++at;
    Expect(at < fifo_.size() && fifo_[at].id == w.id, "no task leaves in a later batch than under strict FIFO");
  }
  fifo_lag_ += fifo_.size() - model_.size();
}

void QueueChecker::CheckTotals() const {
  int64_t cost = 0;
  for (const Waiting& w : model_) cost += w.cost;
  Expect(queue_.num_tasks() == model_.size() && queue_.cost() == cost, "the queue knows what waits in it");
  Expect(model_.size() <= options_.max_queue_tasks && cost <= options_.max_queue_cost, "the queue is bounded");
  Expect(queue_.OldestArrival() == (model_.empty() ? kNever : model_.front().arrival_us), "the oldest is known");
}

}  // namespace strata::batching
