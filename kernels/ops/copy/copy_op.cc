#include "kernels/core/typed_kernel.h"
#include "kernels/ops/copy/copy.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kCopy, CopyCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kCopy, CopyRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::copy {
constinit const std::array<OpDef, 1> kOps = {{{&kCopy, kForward}}};
}  // namespace ops::copy

}  // namespace strata
