#include "kernels/core/typed_kernel.h"
#include "kernels/ops/reduce/reduce.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kReduce, ReduceCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kReduce, ReduceRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kReduceBackward, ReduceBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kReduceBackward, ReduceBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::reduce {
constinit const std::array<OpDef, 2> kOps = {{{&kReduce, kForward}, {&kReduceBackward, kBackward}}};
}  // namespace ops::reduce

}  // namespace strata
