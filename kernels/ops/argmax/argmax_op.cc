#include "kernels/core/typed_kernel.h"
#include "kernels/ops/argmax/argmax.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kArgmax, ArgmaxCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kArgmax, ArgmaxRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::argmax {
constinit const std::array<OpDef, 1> kOps = {{{&kArgmax, kForward}}};
}  // namespace ops::argmax

}  // namespace strata
