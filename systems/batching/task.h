// What goes through a BatchScheduler: a payload in, an outcome out. No Asio, so that an executor which runs batches
// (a model's runtime) can include this alone.
//
//   struct EmbedWork : Work { std::vector<int32_t> ids; std::vector<float> vector; };
//   absl::Status Run(size_t slot, std::span<Task* const> batch);  // a RunBatch; reads ids, writes vector
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "systems/batching/batch_queue.h"

namespace strata::batching {

// A request's inputs, and the place for its outputs: derive from it. One destructor is all that is virtual.
struct Work {
  virtual ~Work() = default;
};

// One task of a running batch.
struct Task {
  std::unique_ptr<Work> work;  // as submitted, never null
  int64_t cost = 0;
  absl::Status status;  // for RunBatch to set if this task alone fails
};

// Runs a batch on a worker thread. `slot` is below num_executors and no two running batches share one, so it can name
// an arena. A status that is not OK is given to every task of this batch, and to none of another.
// REQUIRES: does not throw; may be called by num_executors threads at once; does not keep a Task* after it returns.
using RunBatch = std::function<absl::Status(size_t slot, std::span<Task* const> batch)>;

// Constructed, not an aggregate: g++ 12 destroys the parts of a braced aggregate twice if it is written inside a
// co_await expression.
struct Submission {
  explicit Submission(std::unique_ptr<Work> work, int64_t cost = 1, int64_t timeout_us = kNever)
      : work(std::move(work)), cost(cost), timeout_us(timeout_us) {}

  std::unique_ptr<Work> work;  // REQUIRES: not null
  int64_t cost;                // rows or tokens
  int64_t timeout_us;          // work that has not begun by then is answered with kDeadlineExceeded
};

// What became of a submission. `work` is null if a running task was cancelled: the batch still has it.
struct Outcome {
  absl::Status status;
  std::unique_ptr<Work> work;
  int64_t queued_us = 0;
  int64_t run_us = 0;      // of the whole batch; 0: never ran
  size_t batch_tasks = 0;  // 0: never ran
  int64_t batch_cost = 0;
};

}  // namespace strata::batching
