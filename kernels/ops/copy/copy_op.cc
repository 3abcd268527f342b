#include "kernels/core/typed_kernel.h"
#include "kernels/ops/copy/copy.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kCopy, CopyCpu>, .dtypes = kAnyDType.set, .accepts = Simd},
    {.name = "ref", .run = Typed<kCopy, CopyRef>, .numerics = "reference", .dtypes = kAnyDType.set},
};

}  // namespace

namespace ops::copy {
constinit const std::array<OpDef, 1> kOps = {{{&kCopy, kForward}}};
}  // namespace ops::copy

}  // namespace strata
