#include "kernels/core/typed_kernel.h"
#include "kernels/ops/reduce_outer/reduce_outer.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kReduceOuter, ReduceOuterCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kReduceOuter, ReduceOuterRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kReduceOuterBackward, ReduceOuterBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kReduceOuterBackward, ReduceOuterBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::reduce_outer {
constinit const std::array<OpDef, 2> kOps = {{{&kReduceOuter, kForward}, {&kReduceOuterBackward, kBackward}}};
}  // namespace ops::reduce_outer

}  // namespace strata
