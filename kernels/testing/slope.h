// The gradient is the slope: what a backward gives, times a random direction, is by how much the forward's results
// change along it (central differences in float64). Nothing is taken from a reference. A backward of zeros, of twice
// the gradient, without a term or of a neighbour fails.
//
//   EXPECT_EQ(CheckSlopes(ops::softmax::kOps[0], ops::softmax::kOps[1]), "");
#pragma once

#include <string>

#include "kernels/base/function_ref.h"
#include "kernels/testing/run.h"

namespace strata {

// For every gradient of the backward: "" or the one that is wrong. `sample` is a forward's, in float64.
std::string CheckSlope(const OpDef& forward, const OpDef& backward, const OwnedCall& sample);

// The same for random calls, of which some must have a finite gradient for every input. `adjust` may make values valid
// (a variance positive). REQUIRES: Drawable(forward).
std::string CheckSlopes(const OpDef& forward, const OpDef& backward);
std::string CheckSlopes(const OpDef& forward, const OpDef& backward, FunctionRef<void(OwnedCall&)> adjust);

}  // namespace strata
