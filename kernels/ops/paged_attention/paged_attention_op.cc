#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/paged_attention/paged_attention.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t Bytes(const Call& call, int num_threads) {
  const TensorView &q = call.inputs[0], &k_cache = call.inputs[1], &cu_seqlens = call.inputs[3];
  const auto window = [&](int64_t b) {
    return PagedWindow(k_cache, cu_seqlens, call.inputs[4], call.inputs[5], call.attrs[1].i != 0, call.attrs[2].i, b);
  };
  return AttentionForwardBytes(
      cu_seqlens.size(0) - 1, [&](int64_t b) { return OffsetAt(cu_seqlens, b + 1) - OffsetAt(cu_seqlens, b); }, window,
      q.size(1) / std::max<int64_t>(k_cache.size(2), 1), k_cache.size(2), q.size(2), SizeOf(WideOf(q.dtype)),
      num_threads);
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
