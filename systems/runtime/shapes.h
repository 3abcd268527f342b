// Shapes: every value of an entry point at concrete dims, with its strides and its place inside the memory that it
// shares with its root. Pure. Not for: memory (memory_plan.h), running (executor.h).
//
//   Shapes shapes;
//   RUNTIME_RETURN_IF_ERROR(ResolveShapes(plan, dims, &shapes));     // reuses what `shapes` has allocated
//   shapes.views[v].sizes ...
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "systems/formats/plan.h"

namespace strata::runtime {

struct Shapes {
  std::vector<TensorView> views;  // by value; no memory yet
  std::vector<size_t> offsets;    // bytes from the begin of the root's memory
  std::vector<size_t> bytes;      // of the value, were it contiguous
};

// An error names the step, and the dims at which a size is impossible. Nothing is allocated from the second call on
// unless something is wrong. REQUIRES: dims.size() == plan.signature.dims.size().
absl::Status ResolveShapes(const EntryPlan& plan, absl::Span<const int64_t> dims, Shapes* out);

// The call of an operator step: attributes and inputs, without memory of their own. The views of list arguments lie in
// `lists`, which keeps its memory from call to call.
Call MakeCall(const Step& step, const Shapes& shapes, std::vector<TensorView>* lists);

// Whether every operator takes its inputs at these shapes and gives what the plan says that it gives.
absl::Status CheckSteps(const EntryPlan& plan, const Shapes& shapes);

// Whether an operator's inferred outputs are those of the plan; the sentence for when they are not.
bool OutputsMatch(const Step& step, const Shapes& shapes, const Call& call);
absl::Status OutputMismatch(const EntryPlan& plan, size_t step, const Shapes& shapes, const Call& call);

// "B = 4096, N = 65536"
std::string DimsText(const Signature& signature, absl::Span<const int64_t> dims);

}  // namespace strata::runtime
