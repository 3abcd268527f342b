// How a batch of products is shared among threads: whole products while there are enough of them, else parts of one.
//
//   {.workspace_bytes = [](const Call& call, int threads) { return BatchBytes(8, {m, n, k}, 4, options, threads); }}
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/simd/gemm_plan.h"

namespace strata {

constexpr bool WholeProducts(size_t batch, int num_threads) { return batch >= 2 * static_cast<size_t>(num_threads); }

inline size_t BatchBytes(size_t batch, GemmShape shape, size_t element, GemmOptions options, int num_threads) {
  if (!WholeProducts(batch, num_threads)) return PlanGemm(shape, element, options, num_threads).bytes();
  return static_cast<size_t>(num_threads) * PlanGemm(shape, element, options, 1).bytes();
}

}  // namespace strata
