#include "kernels/core/typed_kernel.h"
#include "kernels/ops/group_norm/group_norm.h"
#include "kernels/simd/group_norm_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t BackwardBytes(const Call& call, int threads) {
  const TensorView& x = call.inputs[1];
  return GroupSumsBytes(x) + HeldGroupBytes(x, call.attrs[0].i, threads);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kGroupNorm, GroupNormCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kGroupNorm, GroupNormRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kGroupNormBackward, GroupNormBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = BackwardBytes},
    {.name = "ref", .run = Typed<kGroupNormBackward, GroupNormBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::group_norm {
constinit const std::array<OpDef, 2> kOps = {{{&kGroupNorm, kForward}, {&kGroupNormBackward, kBackward}}};
}  // namespace ops::group_norm

}  // namespace strata
