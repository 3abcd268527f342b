// BatchRunner: runs batches of InferWork on executors of its own, one set for each slot. Knows no HTTP and no queue.
//
// For: a Model's BatchScheduler, as its RunBatch. Not for: deciding which requests run together; those of a batch that
// cannot share a run (other sizes, another entry point, more than the plan's dims hold) run one after the other.
//
//   BatchRunner runner(programs, {.executors = 2, .threads = 1});
//   RUNTIME_RETURN_IF_ERROR(runner.Warm());
//   absl::Status status = runner.Run(slot, tasks);   // slots may run at the same time
//
// A request whose values are wrong (an id outside its table) fails alone: the others of its run are run again.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "kernels/base/thread_pool.h"
#include "systems/batching/task.h"
#include "systems/models/infer_work.h"
#include "systems/runtime/executor.h"

namespace strata::models {

struct RunnerOptions {
  int executors = 1;  // slots
  int threads = 1;    // that one executor's kernels use
};

class BatchRunner {
 public:
  using Programs = std::vector<std::shared_ptr<const runtime::Program>>;

  BatchRunner(Programs programs, const RunnerOptions& options);
  ~BatchRunner();

  // Runs the smallest request on every executor, so that the first real one finds memory and weights in place.
  absl::Status Warm();

  // A batching::RunBatch: what went wrong is in the tasks' own statuses.
  absl::Status Run(size_t slot, std::span<batching::Task* const> tasks);

  const runtime::Signature& signature(size_t entry) const { return programs_[entry]->signature(); }
  size_t num_entries() const { return programs_.size(); }
  Parallel& parallel(size_t slot);

 private:
  struct Lane;  // an entry point's executor and batch memory in one slot
  struct Slot;
  using Group = std::vector<batching::Task*>;

  std::vector<Group> Split(std::span<batching::Task* const> tasks) const;
  bool MayJoin(const Group& group, const InferWork& work) const;
  static void RunGroup(Lane& lane, const Group& group);
  static absl::Status RunTogether(Lane& lane, std::span<batching::Task* const> group);

  Programs programs_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace strata::models
