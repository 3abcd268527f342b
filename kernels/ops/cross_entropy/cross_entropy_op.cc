#include "kernels/core/typed_kernel.h"
#include "kernels/ops/cross_entropy/cross_entropy.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kCrossEntropy, CrossEntropyCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kCrossEntropy, CrossEntropyRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kCrossEntropyBackward, CrossEntropyBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kCrossEntropyBackward, CrossEntropyBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::cross_entropy {
constinit const std::array<OpDef, 2> kOps = {{{&kCrossEntropy, kForward}, {&kCrossEntropyBackward, kBackward}}};
}  // namespace ops::cross_entropy

}  // namespace strata
