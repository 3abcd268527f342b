#include "kernels/core/typed_kernel.h"
#include "kernels/ops/segment_positions/segment_positions.h"

namespace strata {

void SegmentPositionsRef(const OpContext&, const TensorView&, const TensorView& cu_seqlens,
                         const TensorView& positions) {
  DispatchIndex(positions.dtype, [&](auto type) {
    DispatchIndex(cu_seqlens.dtype, [&](auto offset) {
      const auto* offsets = cu_seqlens.In<decltype(offset)>();
      int64_t segment = 0;
      for (int64_t n = 0; n < positions.numel(); ++n) {
        while (offsets[segment + 1] <= n) ++segment;
        positions.Out<decltype(type)>()[n] = static_cast<decltype(type)>(n - offsets[segment]);
      }
    });
  });
}

}  // namespace strata
