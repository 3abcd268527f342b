// Where the time of runs went: a table by operator for people, and a trace of every step for chrome://tracing and
// Perfetto. Pure: texts of what an executor has recorded.
//
//   executor.EnableProfile(/*keep_events=*/true); ... runs ...
//   std::cerr << ProfileTable(executor);
//   file << TraceJson(executor);
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "systems/runtime/executor.h"

namespace strata::runtime {

// One line an operator, the longest first: calls, total time, time a call, share of all steps, GB/s of the bytes that
// it has to move, GFLOP/s where its operations are known; and a last line of all.
std::string ProfileTable(const Executor& executor);

// "memory: embed at B = 1, N = 16: a peak of 1.5 MiB, 1.02 of the lower bound 1.4 MiB by live ranges; ...". The error
// of Program::MemoryAt.
absl::StatusOr<std::string> MemoryText(const Program& program, absl::Span<const int64_t> dims);

// The steps as complete events ("ph": "X") in microseconds from the first one; arguments name the step, its result and
// its output's shape. Chrome's trace event format.
std::string TraceJson(const Executor& executor);

}  // namespace strata::runtime
