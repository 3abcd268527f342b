// Sums down the rows that ride along with other work on the rows (a weight's gradient in a norm's backward): each block
// of kRowBlock rows adds its terms, two rows at a time, and the blocks' sums go as in SumDown (ForRowsAndSums,
// columns-inl.h). Threads take whole blocks, so a sum does not depend on their number. This is the part that variant
// tables need.
//
//   {.workspace_bytes = [](const Call& call, int) { return RowSumsBytes(call.inputs[1], 2); }}
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/core/tensor_view.h"

namespace strata {

// Few enough that a batch of 64 rows keeps two threads busy, enough that the blocks' own sums cost little.
inline constexpr int64_t kRowBlock = 32;
// Rows that a kernel may work on at a time, so that a block's sums are read and written less often.
inline constexpr int64_t kRowsTogether = 4;

inline int64_t RowBlocks(int64_t rows) { return (rows + kRowBlock - 1) / kRowBlock; }

// Working memory for `sums` sums down the rows of x: [blocks, sums, width] of the compute type.
inline size_t RowSumsBytes(const TensorView& x, int64_t sums) {
  const int64_t element = x.dtype == DType::kF64 ? 8 : 4;
  return static_cast<size_t>(RowBlocks(x.rows()) * sums * x.size(-1) * element);
}

}  // namespace strata
