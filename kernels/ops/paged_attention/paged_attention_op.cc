#include "kernels/core/typed_kernel.h"
#include "kernels/ops/paged_attention/paged_attention.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t Bytes(const Call& call, int num_threads) {
  const size_t element = SizeOf(WideOf(call.inputs[0].dtype)), width = static_cast<size_t>(call.inputs[0].size(2));
  return AlignUp(AttentionScratch(width, element) * element) * static_cast<size_t>(num_threads);
}

constexpr Variant kVariants[] = {
    {.name = "simd", .run = Typed<kPagedAttention, PagedAttentionCpu>, .accepts = Simd, .workspace_bytes = Bytes},
    {.name = "ref", .run = Typed<kPagedAttention, PagedAttentionRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::paged_attention {
constinit const std::array<OpDef, 1> kOps = {{{&kPagedAttention, kVariants}}};
}  // namespace ops::paged_attention

}  // namespace strata
