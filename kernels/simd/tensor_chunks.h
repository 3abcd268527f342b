// Work on the elements of many tensors, in chunks of a fixed length that all threads share out: one call for a thousand
// small tensors costs no more than one for a large one, and a chunk's borders never depend on the threads.
//
//   ForTensorChunks(*context.parallel, params, [&](size_t tensor, int64_t begin, int64_t end, int64_t chunk) {
//     ...
//   });
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/base/parallel.h"
#include "kernels/core/tensor_view.h"

namespace strata {

inline constexpr int64_t kTensorChunk = 16384;

inline int64_t TensorChunks(const TensorView& tensor) { return (tensor.numel() + kTensorChunk - 1) / kTensorChunk; }
inline int64_t TensorChunks(std::span<const TensorView> tensors) {
  int64_t chunks = 0;
  for (const TensorView& tensor : tensors) chunks += TensorChunks(tensor);
  return chunks;
}

// Calls body(tensor, begin, end, chunk) for every chunk; `chunk` counts over all tensors.
template <class Body>
void ForTensorChunks(Parallel& parallel, std::span<const TensorView> tensors, Body body) {
  ParallelChunks(parallel, TensorChunks(tensors), 1, [&](int, int64_t begin, int64_t end) {
    int64_t chunk = 0;  // the first of the tensor
    for (size_t tensor = 0; tensor < tensors.size() && chunk < end; ++tensor) {
      const int64_t numel = tensors[tensor].numel(), chunks = TensorChunks(tensors[tensor]);
      for (int64_t c = std::max(begin, chunk); c < std::min(end, chunk + chunks); ++c) {
        const int64_t first = (c - chunk) * kTensorChunk;
        body(tensor, first, std::min(numel, first + kTensorChunk), c);
      }
      chunk += chunks;
    }
  });
}

}  // namespace strata
