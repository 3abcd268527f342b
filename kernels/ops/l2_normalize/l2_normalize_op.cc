#include "kernels/core/typed_kernel.h"
#include "kernels/ops/l2_normalize/l2_normalize.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kL2Normalize, L2NormalizeCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kL2Normalize, L2NormalizeRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kL2NormalizeBackward, L2NormalizeBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kL2NormalizeBackward, L2NormalizeBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::l2_normalize {
constinit const std::array<OpDef, 2> kOps = {{{&kL2Normalize, kForward}, {&kL2NormalizeBackward, kBackward}}};
}  // namespace ops::l2_normalize

}  // namespace strata
