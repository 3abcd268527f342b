#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t RefBytes(const Call& call, int) {
  return static_cast<size_t>(call.inputs[0].size(0) * call.inputs[1].size(0)) * sizeof(double);
}

constexpr Variant kForward[] = {
    {.name = "simd",
     .run = Typed<kLinearCrossEntropy, LinearCrossEntropyCpu>,
     .accepts = Simd,
     .workspace_bytes = LinearCrossEntropyBytes},
    {.name = "ref",
     .run = Typed<kLinearCrossEntropy, LinearCrossEntropyRef>,
     .numerics = "reference",
     .workspace_bytes = RefBytes},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kLinearCrossEntropyBackward, LinearCrossEntropyBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kLinearCrossEntropyBackward, LinearCrossEntropyBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::linear_cross_entropy {
constinit const std::array<OpDef, 2> kOps = {
    {{&kLinearCrossEntropy, kForward}, {&kLinearCrossEntropyBackward, kBackward}}};
}  // namespace ops::linear_cross_entropy

}  // namespace strata
