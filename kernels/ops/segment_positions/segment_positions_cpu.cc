// No Highway: the compiler vectorises counting, and the time goes into the stores.
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/segment_positions/segment_positions.h"

namespace strata {
namespace {

template <class T, class Offset>
void Count(const OpContext& context, const Offset* offsets, int64_t segments, int64_t rows, T* positions) {
  const int64_t grain = 1 + 65536 / (rows / segments + 1);
  ParallelChunks(*context.parallel, segments, grain, [&](int, int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      T* out = positions + offsets[s];
      const int64_t length = offsets[s + 1] - offsets[s];
      for (int64_t i = 0; i < length; ++i) out[i] = static_cast<T>(i);
    }
  });
}

}  // namespace

void SegmentPositionsCpu(const OpContext& context, const TensorView&, const TensorView& cu_seqlens,
                         const TensorView& positions) {
  const int64_t segments = cu_seqlens.numel() - 1;
  if (segments == 0) return;
  DispatchIndex(positions.dtype, [&](auto type) {
    DispatchIndex(cu_seqlens.dtype, [&](auto offset) {
      Count(context, cu_seqlens.In<decltype(offset)>(), segments, positions.numel(), positions.Out<decltype(type)>());
    });
  });
}

}  // namespace strata
