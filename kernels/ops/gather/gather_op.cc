#include "kernels/core/typed_kernel.h"
#include "kernels/ops/gather/gather.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t SumsOfARow(const Call& call, int num_threads) {
  if (call.inputs[0].dtype != DType::kBF16) return 0;
  return static_cast<size_t>(num_threads * call.inputs[1].size(-1)) * sizeof(float);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kGather, GatherCpu>, .dtypes = kAnyDType.set, .accepts = Simd},
    {.name = "ref", .run = Typed<kGather, GatherRef>, .numerics = "reference", .dtypes = kAnyDType.set},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kGatherBackward, GatherBackwardCpu>, .accepts = Simd, .workspace_bytes = SumsOfARow},
    {.name = "ref", .run = Typed<kGatherBackward, GatherBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::gather {
constinit const std::array<OpDef, 2> kOps = {{{&kGather, kForward}, {&kGatherBackward, kBackward}}};
}  // namespace ops::gather

}  // namespace strata
