// How a dot-product matrix product is cut into parts for threads, groups of rows, chunks of columns and passes over k,
// and the working memory that this takes. None of it changes a result.
//
//   const DotPlan plan = PlanDot({m, n, steps}, /*packed=*/false, kernel, num_threads);
#pragma once

#include <cstddef>

#include "kernels/dot/dot.h"

namespace strata {

struct DotShape {
  size_t m, n;
  size_t steps;  // a multiple of kStepUnit
};

struct DotPlan {
  size_t row_parts, column_parts;  // run at the same time
  size_t group_rows;               // of A are packed at a time
  size_t chunk_panels;             // are gone through with a group
  size_t pass_steps;               // of k at a time
  size_t row_unit;                 // rows are split between parts in multiples of this
  // Working memory of a part: packed A, packed B, sums.
  size_t a_bytes, b_bytes, sums_bytes;

  size_t parts() const { return row_parts * column_parts; }
  size_t part_bytes() const { return a_bytes + b_bytes + sums_bytes; }
  size_t bytes() const { return parts() * part_bytes(); }
};

// `packed`: B comes in panels.
DotPlan PlanDot(DotShape shape, bool packed, const DotKernel& kernel, int num_threads);

}  // namespace strata
