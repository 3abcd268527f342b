// The tuning table of this machine (kernels/core/tuning.h), where `strata tune` puts it: $STRATA_TUNING, else
// strata/tuning.txt in the user's cache folder. It changes speed and never a result, so a table that cannot be read is
// worth a warning and no more.
//
//   if (absl::Status status = LoadTuningTable(); !status.ok()) Log(kWarning, status.message());
#pragma once

#include "absl/status/status.h"

namespace strata::runtime {

// Ok where there is no table. An error names the file, and leaves the process without one.
absl::Status LoadTuningTable();

}  // namespace strata::runtime
