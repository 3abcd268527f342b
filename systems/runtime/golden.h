// Golden replay: runs what the exporter recorded and compares every bit. A bundle that fails must not be served.
//
//   absl::StatusOr<GoldenReport> report = ReplayGolden(*bundle, pool);
//   if (!report.ok()) ...   // says which output of which case, where, and by how much
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/base/parallel.h"
#include "systems/runtime/bundle.h"

namespace strata::runtime {

struct GoldenReport {
  int cases = 0;
  int64_t elements = 0;  // compared, of all outputs
  // True where every bit was demanded and found. False where this machine runs other numerics classes than the golden
  // was made with, so that results were compared within ClassBound; `notes` say which.
  bool exact = true;
  std::vector<std::string> notes;
  // Of every case, in their order: the entry point and its dims.
  std::vector<std::pair<std::string, std::vector<int64_t>>> dims;
};

// kNotFound without a golden, kDataLoss where an output differs, kInvalidArgument where the golden is not well formed.
absl::StatusOr<GoldenReport> ReplayGolden(const Bundle& bundle, Parallel& parallel);
// The same with the golden's bytes.
absl::StatusOr<GoldenReport> ReplayGolden(const Bundle& bundle, absl::Span<const std::byte> golden, Parallel& parallel);

}  // namespace strata::runtime
