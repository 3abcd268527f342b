#include "kernels/core/typed_kernel.h"
#include "kernels/ops/gelu/gelu.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kGelu, GeluCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kGelu, GeluRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kGeluBackward, GeluBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kGeluBackward, GeluBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::gelu {
constinit const std::array<OpDef, 2> kOps = {{{&kGelu, kForward}, {&kGeluBackward, kBackward}}};
}  // namespace ops::gelu

}  // namespace strata
