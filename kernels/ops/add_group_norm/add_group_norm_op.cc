#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add_group_norm/add_group_norm.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t SumsBytes(const Call& call, int) {
  const TensorView& x = call.inputs[2];
  return static_cast<size_t>(x.size(0) * x.size(1)) * 2 * (x.dtype == DType::kF64 ? sizeof(double) : sizeof(float));
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kAddGroupNorm, AddGroupNormCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kAddGroupNorm, AddGroupNormRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kAddGroupNormBackward, AddGroupNormBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = SumsBytes},
    {.name = "ref", .run = Typed<kAddGroupNormBackward, AddGroupNormBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::add_group_norm {
constinit const std::array<OpDef, 2> kOps = {{{&kAddGroupNorm, kForward}, {&kAddGroupNormBackward, kBackward}}};
}  // namespace ops::add_group_norm

}  // namespace strata
