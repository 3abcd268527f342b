#include "kernels/core/typed_kernel.h"
#include "kernels/ops/log_softmax/log_softmax.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kLogSoftmax, LogSoftmaxCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kLogSoftmax, LogSoftmaxRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kLogSoftmaxBackward, LogSoftmaxBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kLogSoftmaxBackward, LogSoftmaxBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::log_softmax {
constinit const std::array<OpDef, 2> kOps = {{{&kLogSoftmax, kForward}, {&kLogSoftmaxBackward, kBackward}}};
}  // namespace ops::log_softmax

}  // namespace strata
