#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add_group_norm/add_group_norm.h"
#include "kernels/simd/group_norm_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t HeldBytes(const Call& call, int threads) { return HeldGroupBytes(call.inputs[0], call.attrs[0].i, threads); }
size_t BackwardBytes(const Call& call, int threads) {
  const TensorView& x = call.inputs[2];
  return GroupSumsBytes(x) + HeldGroupBytes(x, call.attrs[0].i, threads);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kAddGroupNorm, AddGroupNormCpu>, .accepts = Simd, .workspace_bytes = HeldBytes},
    {.name = "ref", .run = Typed<kAddGroupNorm, AddGroupNormRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kAddGroupNormBackward, AddGroupNormBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = BackwardBytes},
    {.name = "ref", .run = Typed<kAddGroupNormBackward, AddGroupNormBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::add_group_norm {
constinit const std::array<OpDef, 2> kOps = {{{&kAddGroupNorm, kForward}, {&kAddGroupNormBackward, kBackward}}};
}  // namespace ops::add_group_norm

}  // namespace strata
