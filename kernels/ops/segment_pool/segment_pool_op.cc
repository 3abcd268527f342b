#include "kernels/core/typed_kernel.h"
#include "kernels/ops/segment_pool/segment_pool.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kSegmentPool, SegmentPoolCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kSegmentPool, SegmentPoolRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kSegmentPoolBackward, SegmentPoolBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kSegmentPoolBackward, SegmentPoolBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::segment_pool {
constinit const std::array<OpDef, 2> kOps = {{{&kSegmentPool, kForward}, {&kSegmentPoolBackward, kBackward}}};
}  // namespace ops::segment_pool

}  // namespace strata
