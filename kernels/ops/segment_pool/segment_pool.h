// One vector for each sequence of a flat run: how token vectors become a sentence's.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

enum class PoolMode { kMean, kSum, kMax, kFirst };

// Sums add 16 rows (kColumnBlock) in order, then 16 of these sums, then these. An empty segment gives zeros, whatever
// the mode. `max` gives NaN where there is one.
inline constexpr OpSchema kSegmentPool =
    Op("segment_pool")
        .Doc("y[b] = mean, sum, maximum or first of x[n] over cu_seqlens[b] <= n < cu_seqlens[b + 1]")
        .In("x", "N D")
        .Offsets("cu_seqlens", "B+1", "N")
        .Choice("mode", "mean|sum|max|first")
        .Out("y", "B D")
        .Segments("cu_seqlens");

// max: the gradient goes to the first row that has the maximum.
inline constexpr OpSchema kSegmentPoolBackward = Op("segment_pool_backward")
                                                     .Doc("gradient of segment_pool")
                                                     .In("grad_y", "B D")
                                                     .In("x", "N D")
                                                     .Offsets("cu_seqlens", "B+1", "N")
                                                     .Choice("mode", "mean|sum|max|first")
                                                     .Out("grad_x", "N D")
                                                     .Segments("cu_seqlens");

void SegmentPoolRef(const OpContext&, const TensorView& x, const TensorView& cu_seqlens, PoolMode mode,
                    const TensorView& y);
void SegmentPoolCpu(const OpContext&, const TensorView& x, const TensorView& cu_seqlens, PoolMode mode,
                    const TensorView& y);

void SegmentPoolBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x,
                            const TensorView& cu_seqlens, PoolMode mode, const TensorView& grad_x);
void SegmentPoolBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x,
                            const TensorView& cu_seqlens, PoolMode mode, const TensorView& grad_x);

namespace ops::segment_pool {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::segment_pool

}  // namespace strata
