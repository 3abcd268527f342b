#include "kernels/core/typed_kernel.h"
#include "kernels/ops/segment_positions/segment_positions.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kSegmentPositions, SegmentPositionsCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kSegmentPositions, SegmentPositionsRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::segment_positions {
constinit const std::array<OpDef, 1> kOps = {{{&kSegmentPositions, kForward}}};
}  // namespace ops::segment_positions

}  // namespace strata
