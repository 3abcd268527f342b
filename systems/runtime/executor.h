// Executor: runs a program, one call at a time, in memory of its own that it keeps from run to run. A service has one
// for each batch that may run at the same time; they share the program. It only ever calls strata::Invoke.
//
//   Executor executor(bundle->program("embed"), pool);
//   std::vector<TensorView> outputs(executor.signature().outputs.size());
//   RUNTIME_RETURN_IF_ERROR(executor.Run(inputs, absl::MakeSpan(outputs)));   // read outputs before the next Run
//
// A run with the dims of the run before neither allocates nor builds a string; with other dims it plans memory anew
// (microseconds) and allocates only if the arena has to grow. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernels/base/aligned_buffer.h"
#include "kernels/base/parallel.h"
#include "systems/runtime/program.h"

namespace strata::runtime {

struct StepProfile {
  int64_t calls = 0;
  int64_t nanoseconds = 0;
  double bytes = 0, flops = 0;  // CostOf (cost.h), of all calls
};

// One step of one run.
struct StepEvent {
  int64_t start_ns = 0;  // on the steady clock
  int64_t nanoseconds = 0;
  int step = 0;
  int run = 0;
};

class Executor {
 public:
  // REQUIRES: `parallel` outlives the executor; `program` is not null.
  Executor(std::shared_ptr<const Program> program, Parallel& parallel);

  // Inputs in the signature's order: contiguous, aligned to their elements, not written to. Outputs in the signature's
  // order, contiguous; they lie in the executor's memory until the next Run. Errors in the inputs are kInvalidArgument
  // with a sentence that names the input.
  // REQUIRES: outputs.size() == signature().outputs.size().
  absl::Status Run(absl::Span<const TensorView> inputs, absl::Span<TensorView> outputs);

  const Signature& signature() const { return program_->signature(); }
  const Program& program() const { return *program_; }

  // Counts and times every step from now on; it costs two clock reads a step. With `keep_events` the first 2^20 steps
  // are kept one by one.
  void EnableProfile(bool keep_events = false);
  // By step; empty unless enabled.
  absl::Span<const StepProfile> profile() const { return profile_; }
  // In the order in which they ran.
  absl::Span<const StepEvent> events() const { return events_; }

  // Of the last run; empty before it.
  absl::Span<const int64_t> dims() const { return dims_; }

 private:
  absl::Status Bind(absl::Span<const int64_t> dims);
  void PlaceValues(absl::Span<const TensorView> inputs);
  absl::Status RunStep(size_t step);
  absl::Status RunAndTime(size_t step);
  void HandOut(absl::Span<TensorView> outputs);

  std::shared_ptr<const Program> program_;
  OpContext context_;
  AlignedBuffer arena_, scratch_;
  MemoryPlanner planner_;
  Shapes shapes_;                  // with memory, after PlaceValues
  std::vector<TensorView> lists_;  // of the step that runs
  std::vector<int64_t> dims_, wanted_dims_;
  bool bound_ = false;  // shapes_ and planner_ are those of dims_
  std::vector<size_t> slot_sizes_;
  std::vector<StepProfile> profile_;
  std::vector<StepEvent> events_;
  bool keep_events_ = false;
  int runs_ = 0;  // that were profiled
};

}  // namespace strata::runtime
