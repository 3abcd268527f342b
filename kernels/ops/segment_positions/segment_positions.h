// Where each row stands in its own sequence: the position ids of a flat run of sequences.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// `like` gives the size and the dtype, its values are not read: the token ids are at hand wherever positions are
// wanted.
inline constexpr OpSchema kSegmentPositions =
    Op("segment_positions")
        .Doc("positions[n] = n - cu_seqlens[b] for cu_seqlens[b] <= n < cu_seqlens[b + 1]")
        .In("like", "N", kIndices)
        .Offsets("cu_seqlens", "B+1", "N")
        .Out("positions", "N", kIndices)
        .Segments("cu_seqlens");

void SegmentPositionsRef(const OpContext&, const TensorView& like, const TensorView& cu_seqlens,
                         const TensorView& positions);
void SegmentPositionsCpu(const OpContext&, const TensorView& like, const TensorView& cu_seqlens,
                         const TensorView& positions);

namespace ops::segment_positions {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::segment_positions

}  // namespace strata
