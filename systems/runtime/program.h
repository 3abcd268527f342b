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

class Program {
 public:
  // REQUIRES: the weights and their memory outlive the program.
  static absl::StatusOr<Program> Create(EntryPlan plan, const SafeTensors& weights, size_t max_arena_bytes,
                                        PreparedWeights& prepared);

  const EntryPlan& plan() const { return plan_; }
  const Signature& signature() const { return plan_.signature; }
  size_t max_arena_bytes() const { return max_arena_bytes_; }
  // Of the arena at the largest dims.
  size_t largest_arena_bytes() const { return largest_arena_bytes_; }

  // The numerics classes of the rows that run on this machine. A class depends on device, dtypes and fixed dims alone.
  const std::set<std::string>& numerics_classes() const { return numerics_classes_; }

  // By value: its place in the memory plan, or -1 where it lies elsewhere.
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
  int AddSlot(LiveRange range);
  absl::Status CheckPoints(PreparedWeights& prepared);
  absl::Status CheckMemory(absl::Span<const int64_t> dims, const Shapes& shapes);
  absl::Status CheckKernels(const Shapes& shapes);
  void PrepareWeights(const Shapes& shapes, PreparedWeights& prepared);

  EntryPlan plan_;
  size_t max_arena_bytes_ = 0;
  size_t largest_arena_bytes_ = 0;
  std::set<std::string> numerics_classes_;
  std::vector<int> slots_, copy_slots_;
  std::vector<LiveRange> ranges_;
  std::vector<void*> weight_data_;
  std::vector<const void*> prepared_;
};

}  // namespace strata::runtime
