// What a BatchScheduler counts and reports. Plain structs: the metrics page maps them to its own names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "systems/batching/batch_queue.h"

namespace strata::batching {

// Totals since the start, and gauges. accepted == succeeded + failed + expired + cancelled + stopped + queued and
// running tasks, at every moment.
struct Stats {
  uint64_t accepted = 0;
  uint64_t refused_full = 0;      // queue bounds: kResourceExhausted
  uint64_t refused_draining = 0;  // kUnavailable
  uint64_t refused_other = 0;     // bad cost, too large, expired or cancelled on arrival
  uint64_t succeeded = 0;
  uint64_t failed = 0;     // ran, and the run or the task failed
  uint64_t expired = 0;    // kDeadlineExceeded, never ran
  uint64_t cancelled = 0;  // the client left, queued or running
  uint64_t stopped = 0;    // the scheduler was destroyed with the task still waiting
  uint64_t batches = 0;
  size_t queued_tasks = 0;
  int64_t queued_cost = 0;
  size_t running_tasks = 0;  // that still have a client
  size_t running_batches = 0;
  double cost_per_second = 0;  // measured, of one executor; 0: not yet

  uint64_t answered() const { return succeeded + failed + expired + cancelled + stopped; }
};

struct BatchRecord {  // one per batch, when it ends
  size_t tasks = 0;
  int64_t cost = 0;
  int64_t run_us = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
};

struct TaskRecord {  // one per accepted task, when it is answered
  int64_t cost = 0;
  int64_t queued_us = 0;
  int64_t run_us = 0;  // 0: never ran, or cancelled before its batch ended
  uint32_t overtaken = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
};

// Called on the scheduler's executor; must be quick and must not call the scheduler. Histograms hang on these.
struct Observer {
  std::function<void(const BatchRecord&)> on_batch = {};
  std::function<void(const TaskRecord&)> on_task = {};
};

// The end of a drain. dropped is accepted - answered: counted, not assumed.
struct DrainReport {
  uint64_t accepted = 0;
  uint64_t answered = 0;
  uint64_t dropped = 0;
};

}  // namespace strata::batching
