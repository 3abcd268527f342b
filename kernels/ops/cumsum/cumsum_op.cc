#include "kernels/core/typed_kernel.h"
#include "kernels/ops/cumsum/cumsum.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kCumsum, CumsumCpu>, .dtypes = kSummable.set, .accepts = Simd},
    {.name = "ref", .run = Typed<kCumsum, CumsumRef>, .numerics = "reference", .dtypes = kSummable.set},
};

}  // namespace

namespace ops::cumsum {
constinit const std::array<OpDef, 1> kOps = {{{&kCumsum, kForward}}};
}  // namespace ops::cumsum

}  // namespace strata
