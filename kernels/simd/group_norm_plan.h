// How group_norm cuts its work, and what working memory that takes: for its kernels, and for the variant tables of
// group_norm and add_group_norm. It changes speed, never the result.
//
//   {.workspace_bytes = [](const Call& call, int threads) {
//     return HeldGroupBytes(call.inputs[0], call.attrs[0].i, threads);
//   }}
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/core/tensor_view.h"
#include "kernels/simd/stream.h"

namespace strata {

// Small groups take each step together: a group by itself is a chain of folds, divisions and a root that wait for each
// other. So many elements and what is computed of them stay in the first level of the cache.
inline constexpr int64_t kGroupsTogether = 16, kElementsTogether = 2048;
// A group of more elements does not wait in the cache between two steps.
inline constexpr int64_t kHeldElements = 32768;

inline int64_t GroupElements(const TensorView& x, int64_t groups) { return x.size(1) / groups * x.size(2); }

inline int64_t GroupsTogether(int64_t elements) {
  return std::clamp(kElementsTogether / std::max<int64_t>(1, elements), int64_t{1}, kGroupsTogether);
}

// Bytes in which each thread keeps a step's results, so that outputs are written once and past the caches; 0 where the
// outputs stay in the caches, or a group does not.
inline size_t HeldGroupBytes(const TensorView& x, int64_t groups, int threads) {
  const int64_t elements = GroupElements(x, groups), size = static_cast<int64_t>(SizeOf(x.dtype));
  if (!WorthStreaming(x.numel() * size) || elements > kHeldElements) return 0;
  return static_cast<size_t>(GroupsTogether(elements) * elements * size * threads);
}

// The sums for the gradients of weight and bias: two numbers of the compute type for each channel of each sample. They
// come first in the workspace, in whole lines.
inline size_t GroupSumsBytes(const TensorView& x) {
  const auto bytes = static_cast<size_t>(x.size(0) * x.size(1)) * 2 * std::max<size_t>(4, SizeOf(x.dtype));
  return (bytes + 63) / 64 * 64;
}

}  // namespace strata
