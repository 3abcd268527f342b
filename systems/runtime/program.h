// Program: one entry point, checked and ready to run: its plan, its weights, their prepared forms, and who lives when.
// Immutable, shared by all executors. Made by Bundle::Load; run by Executor.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernels/core/op_context.h"
#include "systems/formats/plan.h"
#include "systems/formats/safetensors.h"
#include "systems/runtime/memory_plan.h"
#include "systems/runtime/shapes.h"

namespace strata::runtime {

class PreparedWeights;

// Of LoadOptions (bundle.h), which says what they mean.
struct ProgramOptions {
  size_t max_arena_bytes = 0;
  bool in_place = true;
};

// What a run's values take.
struct MemoryUse {
  size_t peak_bytes = 0;         // of the arena
  size_t lower_bound_bytes = 0;  // the most that is alive at one step: no placement takes less
  size_t unshared_bytes = 0;     // had each value memory of its own
};

class Program {
 public:
  // REQUIRES: the weights and their memory outlive the program.
  static absl::StatusOr<Program> Create(EntryPlan plan, const SafeTensors& weights, const ProgramOptions& options,
                                        PreparedWeights& prepared);

  const EntryPlan& plan() const { return plan_; }
  const Signature& signature() const { return plan_.signature; }
  size_t max_arena_bytes() const { return options_.max_arena_bytes; }
  // Of the arena at the largest dims.
  size_t largest_arena_bytes() const { return largest_arena_bytes_; }

  // Steps whose output lies where one of their inputs lay.
  int steps_in_place() const { return steps_in_place_; }
  // What a run at these dims takes. An error as ResolveShapes gives it. For reports: it allocates.
  absl::StatusOr<MemoryUse> MemoryAt(absl::Span<const int64_t> dims) const;

  // The numerics classes of the rows that run on this machine. A class depends on device, dtypes and fixed dims alone.
  const std::set<std::string>& numerics_classes() const { return numerics_classes_; }

  // By value: its place in the memory plan, or -1 where it lies elsewhere. Values that follow each other in place share
  // one.
  const std::vector<int>& slots() const { return slots_; }
  // By output: the place of its copy, or -1 where the value itself is handed out.
  const std::vector<int>& copy_slots() const { return copy_slots_; }
  const std::vector<LiveRange>& ranges() const { return ranges_; }
  // By value: the weight's memory, or nullptr.
  const std::vector<void*>& weight_data() const { return weight_data_; }
  // By step: the prepared form of its constant argument, or nullptr.
  const std::vector<const void*>& prepared() const { return prepared_; }

  // The size of every place, for MemoryPlanner::Plan. REQUIRES: sizes.size() == ranges().size().
  void SlotSizes(const Shapes& shapes, absl::Span<size_t> sizes) const;

 private:
  Program() = default;
  void FindSlots();
  std::vector<int> LastUses() const;
  int SlotToOverwrite(size_t step, size_t output, const std::vector<int>& last_uses) const;
  int AddSlot(LiveRange range);
  absl::Status CheckPoints(PreparedWeights& prepared);
  absl::Status CheckMemory(absl::Span<const int64_t> dims, const Shapes& shapes);
  absl::Status CheckKernels(const Shapes& shapes);
  void PrepareWeights(const Shapes& shapes, PreparedWeights& prepared);

  EntryPlan plan_;
  ProgramOptions options_;
  size_t largest_arena_bytes_ = 0;
  int steps_in_place_ = 0;
  std::set<std::string> numerics_classes_;
  std::vector<int> slots_, copy_slots_;
  std::vector<LiveRange> ranges_;
  std::vector<void*> weight_data_;
  std::vector<const void*> prepared_;
};

}  // namespace strata::runtime
