// No Highway: the time goes into memory.
#include <algorithm>
#include <cstring>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/concat/concat.h"
#include "kernels/simd/stream.h"
#include "kernels/simd/tensor_chunks.h"

namespace strata {

void ConcatCpu(const OpContext& context, std::span<const TensorView> xs, int64_t dim, const TensorView& y) {
  if (y.numel() == 0) return;
  const auto size = static_cast<int64_t>(SizeOf(y.dtype));
  const int64_t row = RunLength(y, dim) * size;
  const bool stream = WorthStreaming(y.numel() * size);
  ForTensorChunks(*context.parallel, xs, [&](size_t tensor, int64_t begin, int64_t end, int64_t) {
    int64_t first = 0;  // of this tensor in a row of y
    for (size_t before = 0; before < tensor; ++before) first += RunLength(xs[before], dim) * size;
    const int64_t run = RunLength(xs[tensor], dim) * size, last = end * size;
    const auto* from = static_cast<const std::byte*>(xs[tensor].data);
    auto* to = static_cast<std::byte*>(y.data) + first;
    // A chunk begins and ends anywhere within the runs.
    for (int64_t at = begin * size, r = at / run; at < last; ++r) {
      const int64_t stop = std::min(last, (r + 1) * run);
      auto* out = to + r * row + (at - r * run);
      const auto bytes = static_cast<size_t>(stop - at);
      if (stream) {
        StreamBytes(out, from + at, bytes);
      } else if (bytes <= 256) {
        CopyShort(out, from + at, bytes);
      } else {
        std::memcpy(out, from + at, bytes);
      }
      at = stop;
    }
    if (stream) StreamFence();
  });
}

}  // namespace strata
