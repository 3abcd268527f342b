// Comparing outputs: bit for bit, or with the one table of tolerances.
#pragma once

#include <string>

#include "kernels/testing/run.h"

namespace strata {

// The largest difference from a reference that works in float64, relative to the element plus the mean magnitude of the
// output (a sum that cancels is as exact as its terms allow, not as its own size).
//   float32  2e-5:  a chain of some hundred roundings of 6e-8
//   float64  1e-13: the same in 1.1e-16
//   bfloat16 8e-3:  computed in float32, rounded once at the end (2^-8), or twice where an op's definition says so
double Tolerance(DType dtype);

// "" if all outputs are equal bit for bit (any NaN equals any other), else the first difference.
std::string DifferentBits(const OpSchema& schema, const Outputs& got, const Outputs& want);
std::string DifferentBits(const TensorView& got, const TensorView& want);

// "" if every output is within Tolerance, NaN where the reference has NaN, else the first difference. A gradient may
// cancel to nothing (rms_norm of one element), so its scale includes the mean magnitude of the incoming gradient.
std::string TooFar(const OwnedCall& sample, const Outputs& got, const Outputs& want);

}  // namespace strata
