#include "kernels/core/typed_kernel.h"
#include "kernels/ops/softmax/softmax.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kSoftmax, SoftmaxCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kSoftmax, SoftmaxRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kSoftmaxBackward, SoftmaxBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kSoftmaxBackward, SoftmaxBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::softmax {
constinit const std::array<OpDef, 2> kOps = {{{&kSoftmax, kForward}, {&kSoftmaxBackward, kBackward}}};
}  // namespace ops::softmax

}  // namespace strata
