#include "kernels/core/typed_kernel.h"
#include "kernels/ops/attention/attention.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t Element(const Call& call) { return SizeOf(WideOf(call.inputs[0].dtype)); }

size_t ForwardBytes(const Call& call, int num_threads) {
  const size_t element = Element(call), width = static_cast<size_t>(call.inputs[0].size(2));
  return AlignUp(AttentionScratch(width, element) * element) * static_cast<size_t>(num_threads);
}

size_t BackwardBytes(const Call& call, int num_threads) {
  const TensorView &q = call.inputs[2], &cu_seqlens_k = call.inputs[7], &grad_bias = call.outputs[3];
  return AttentionBackwardBytes(q.size(2), cu_seqlens_k, grad_bias.numel(), Element(call)).total(num_threads);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kAttention, AttentionCpu>, .accepts = Simd, .workspace_bytes = ForwardBytes},
    {.name = "ref", .run = Typed<kAttention, AttentionRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kAttentionBackward, AttentionBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = BackwardBytes},
    {.name = "ref", .run = Typed<kAttentionBackward, AttentionBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::attention {
constinit const std::array<OpDef, 2> kOps = {{{&kAttention, kForward}, {&kAttentionBackward, kBackward}}};
}  // namespace ops::attention

}  // namespace strata
