// What a step has to move and to compute, from its shapes: the yardstick beside its time in a profile.
//
//   const Cost cost = CostOf(step, shapes);
//   cost.bytes / seconds
#pragma once

#include <cstdint>

#include "systems/formats/plan.h"
#include "systems/runtime/shapes.h"

namespace strata::runtime {

struct Cost {
  // Of every input and output once: what goes through memory where no cache holds it. A repeated element counts once.
  double bytes = 0;
  // Floating-point operations (a multiply-add is two) of products and convolutions; 0 where it is not known.
  double flops = 0;
};

// REQUIRES: the step is an operator's.
Cost CostOf(const Step& step, const Shapes& shapes);

}  // namespace strata::runtime
